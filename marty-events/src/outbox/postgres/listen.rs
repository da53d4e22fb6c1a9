//! Announcements between processes, by NOTIFY.
//!
//! They make a relay look sooner; that it looks does not depend on them. A transaction that announces takes a lock of the
//! whole server at its commit (PostgreSQL, `PreCommit_Notify` in async.c), so a process announces events seldom enough for
//! that not to matter, and a relay that was told looks several times.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::super::{OutboxTable, wake::Wake};

/// The pause between two announcements of events by one process.
const PAUSE: Duration = Duration::from_millis(25);
/// The time between two trials of the connection: one that the network has forgotten stays silent for ever.
const TRIAL: Duration = Duration::from_secs(30);
/// The longest time of an answer to that.
const PATIENCE: Duration = Duration::from_secs(5);

/// A listener is idle by its nature. The setting came with PostgreSQL 14.
const STAYS: &str = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'";

/// The announcement of lanes that came free; an empty text stands for events.
pub(super) const LANES: &str = "lanes";

/// The channel of an outbox: the same however its table is written, with its schema or without. Outboxes of the same name in several
/// schemas of a database share one, and their relays look once too often.
pub(super) fn channel(table: &OutboxTable) -> String {
    format!("marty_events_{:08x}", crc32fast::hash(table.name().as_bytes()))
}

/// The time of the next announcement.
#[derive(Debug)]
pub(super) struct Announcements {
    begin: Instant,
    /// In milliseconds after `begin`.
    next: AtomicU64,
}

impl Announcements {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), next: AtomicU64::new(0) }
    }

    pub(super) fn is_due(&self) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = millis(self.begin.elapsed());
        let next = self.next.load(Ordering::Relaxed);
        // One of several that find it due announces.
        next <= now
            && self.next.compare_exchange(next, now + millis(PAUSE), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Listens on a connection of its own until that is lost.
pub(super) async fn listen(options: PgConnectOptions, table: &OutboxTable, wake: &Wake) -> Result<(), sqlx::Error> {
    let options = crate::database::plain(options);
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&own).await?;
    sqlx::raw_sql(STAYS).execute(&mut listener).await?;
    listener.listen(&channel(table)).await?;
    wake.listens();
    // For what was announced before.
    wake.rows();
    loop {
        let Ok(announced) = tokio::time::timeout(TRIAL, listener.try_recv()).await else {
            let trial = tokio::time::timeout(PATIENCE, sqlx::raw_sql("SELECT 1").execute(&mut listener)).await;
            trial.map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
            continue;
        };
        match announced? {
            Some(announcement) if announcement.payload() == LANES => wake.lanes(),
            Some(_) => wake.rows(),
            // Announcements in the meantime are lost.
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_that_of_the_table_however_it_is_written() {
        let spelled: OutboxTable = "public.event_outbox".parse().expect("a name");
        assert_eq!(channel(&spelled), channel(&OutboxTable::default()));
    }

    #[test]
    fn announcements_keep_a_pause() {
        let announcements = Announcements::new();
        assert!(announcements.is_due());
        assert!(!announcements.is_due());
        let earlier = Announcements { begin: Instant::now().checked_sub(PAUSE).expect("a past"), ..announcements };
        assert!(earlier.is_due());
    }
}

use std::time::{Duration, Instant};

use sqlx::Transaction;

use super::super::{
    running::{Open, Turn, roll_back},
    work::Desk,
};
use crate::{
    EventError,
    inbox::{Committed, Inbox, InboxDatabase},
};

/// The time for which a worker without a record keeps its connection.
const LONGEST_REST: Duration = Duration::from_millis(100);
/// The time after which the pool sees a connection again at the next rest: it may be too old by the pool's settings.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// A worker's turn, with the connection that it has kept.
pub(super) struct Stay<'a, DB: InboxDatabase> {
    pub(super) turn: Turn<'a>,
    pub(super) kept: Kept<DB>,
}

/// The connection that a worker keeps between two records.
pub(super) struct Kept<DB: InboxDatabase> {
    /// The transaction that the last commit has begun.
    pub(super) open: Option<Open<DB>>,
    /// The time when the pool gave the connection away.
    since: Instant,
    /// The worker has rested, and the connection may be lost.
    has_rested: bool,
}

impl<DB: InboxDatabase> Kept<DB> {
    pub(super) fn nothing() -> Self {
        Self { open: None, since: Instant::now(), has_rested: false }
    }

    /// The transaction for a record that was read at this time: the one that is open, or a new one. Its time is not before the record: the record
    /// may have come while the commit's answer was on its way.
    pub(super) async fn transaction(
        &mut self,
        inbox: &DB::Inbox,
        read: Instant,
    ) -> Result<Transaction<'static, DB>, EventError> {
        let has_rested = std::mem::take(&mut self.has_rested);
        if let Some(Open { mut transaction, before }) = self.open.take() {
            let is_old = has_rested || before < read;
            let renewed = if is_old { inbox.renew(&mut transaction).await } else { Ok(()) };
            match renewed {
                Ok(()) => return Ok(transaction),
                Err(error) => tracing::debug!(%error, "the transaction is begun on another connection"),
            }
        }
        self.since = Instant::now();
        inbox.begin().await
    }

    /// Commits a transaction in which no handler was called, and keeps the one that begins behind it.
    pub(super) async fn commit(
        &mut self,
        inbox: &DB::Inbox,
        transaction: Transaction<'static, DB>,
    ) -> Result<(), EventError> {
        let before = Instant::now();
        match inbox.commit_own(transaction).await? {
            Committed::Done => {}
            Committed::Next(transaction) => self.open = Some(Open { transaction, before }),
            Committed::Undone(transaction) => {
                roll_back(inbox, transaction).await;
                return Err(EventError::NotInTransaction);
            }
        }
        Ok(())
    }

    /// Waits until a record may be there. In a trickle of records, giving the connection back and taking it for each of them would cost as many
    /// round trips as the work on it. The worker that began its wait last is woken first, so that few workers keep one.
    pub(super) async fn rest(self, desk: &Desk, pause: Option<Duration>) -> Self {
        let mut ready = std::pin::pin!(desk.is_ready(pause));
        let keeps = self.open.is_some() && self.since.elapsed() < LONGEST_HOLD;
        if keeps && tokio::time::timeout(LONGEST_REST, &mut ready).await.is_ok() {
            return Self { has_rested: true, ..self };
        }
        drop(self);
        ready.await;
        Self::nothing()
    }
}

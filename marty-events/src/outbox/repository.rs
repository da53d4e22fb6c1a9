mod tools;

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::{
    Appender, CleanupOptions, DeadLetter, DeadLetterQuery, OutboxPool, OutboxStats, OutboxTable, PendingEvent,
    RelayStatus, inspect::Inspect, queue::Queue,
};
use crate::{EventError, event::envelope::Message};

/// Looks into the outbox and repairs it.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), marty_events::EventError> {
/// use marty_events::OutboxRepository;
///
/// let outbox = OutboxRepository::new(&pool);
/// for dead in outbox.dead_letters(100).await? {
///     println!("{}: {}", dead.event.event_id, dead.reason);
///     outbox.requeue(&[dead.event.event_id]).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct OutboxRepository {
    pub(super) pool: OutboxPool,
    pub(super) table: OutboxTable,
    /// Made when it is first needed. Clones share it, and so the pause between its announcements to other processes.
    appender: Arc<OnceLock<Appender>>,
}

/// Calls a method of the store behind a pool, whatever its database.
macro_rules! on_store {
    ($pool:expr, $table:expr, $store:ident => $body:expr) => {
        match $pool {
            #[cfg(feature = "postgres")]
            $crate::outbox::OutboxPool::Postgres(pool) => {
                let $store = $crate::outbox::postgres::PostgresStore::new(pool.clone(), $table.clone());
                $body
            }
            #[cfg(feature = "mysql")]
            $crate::outbox::OutboxPool::MySql(pool) => {
                let $store = $crate::outbox::mysql::MySqlStore::new(pool.clone(), $table.clone());
                $body
            }
            #[cfg(feature = "sqlite")]
            $crate::outbox::OutboxPool::Sqlite(pool) => {
                let $store = $crate::outbox::sqlite::SqliteStore::new(pool.clone(), $table.clone());
                $body
            }
        }
    };
}
pub(crate) use on_store;

impl OutboxRepository {
    /// The outbox in the default table of `pool`'s database.
    #[must_use]
    pub fn new(pool: impl Into<OutboxPool>) -> Self {
        Self { pool: pool.into(), table: OutboxTable::default(), appender: Arc::default() }
    }

    /// The same in another table.
    #[must_use]
    pub fn table(mut self, table: OutboxTable) -> Self {
        self.table = table;
        self.appender = Arc::default();
        self
    }

    /// Whether the tables are there, of this version, open to this user for writing and relaying, and show it every row.
    ///
    /// # Errors
    ///
    /// [`EventError::OutboxTableMissing`], [`EventError::OutboxForbidden`], [`EventError::OutboxUnfit`] and
    /// [`EventError::CachedSequence`], which say what to run.
    pub async fn validate(&self) -> Result<(), EventError> {
        on_store!(&self.pool, self.table, store => store.validate().await)
    }

    /// The oldest `limit` events that wait.
    pub async fn pending(&self, limit: u32) -> Result<Vec<PendingEvent>, EventError> {
        on_store!(&self.pool, self.table, store => store.pending(i64::MIN, limit).await)
    }

    /// The dead letters that a query means, in the order in which the events were written. A number is a query: so many of the
    /// first ones. With [`without_payload`](DeadLetterQuery::without_payload) and [`after`](DeadLetterQuery::after), work on more
    /// of them than memory should hold goes in steps:
    ///
    /// ```no_run
    /// # async fn example(outbox: marty_events::OutboxRepository) -> Result<(), marty_events::EventError> {
    /// use marty_events::outbox::DeadLetterQuery;
    ///
    /// let mut query = DeadLetterQuery::from(500).topic("marty.users.user.created").without_payload();
    /// loop {
    ///     let letters = outbox.dead_letters(query.clone()).await?;
    ///     let Some(last) = letters.last() else { break };
    ///     query = query.after(last.place());
    ///     outbox.requeue(&letters.iter().map(|letter| letter.event.event_id).collect::<Vec<_>>()).await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn dead_letters(&self, query: impl Into<DeadLetterQuery>) -> Result<Vec<DeadLetter>, EventError> {
        let query = query.into();
        on_store!(&self.pool, self.table, store => store.dead_letters(&query).await)
    }

    /// The dead letter of this event, if there is one.
    pub async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, EventError> {
        on_store!(&self.pool, self.table, store => store.dead_letter(id).await)
    }

    /// The relays that the database knows of, in the order in which they began: those that work, those that stand by, and
    /// for an hour those that went silent.
    pub async fn relays(&self) -> Result<Vec<RelayStatus>, EventError> {
        on_store!(&self.pool, self.table, store => store.relays().await)
    }

    /// Puts dead letters back at the end of the outbox, with the ids they have; answers how many there were.
    pub async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let requeued = on_store!(&self.pool, self.table, store => store.requeue(ids).await)?;
        super::wake::nudge();
        Ok(requeued)
    }

    /// Deletes dead letters for good; answers how many there were.
    pub async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        on_store!(&self.pool, self.table, store => store.discard(ids).await)
    }

    /// Deletes the dead letters of an age and older ones, in one statement; answers how many there were. A [`Duration`] is an
    /// age without a limit. Delivered events need no cleaning unless they are kept: the relay deletes their rows.
    ///
    /// [`Duration`]: std::time::Duration
    pub async fn cleanup(&self, options: impl Into<CleanupOptions>) -> Result<u64, EventError> {
        let CleanupOptions { age, limit } = options.into();
        on_store!(&self.pool, self.table, store => store.cleanup(age, limit.map_or(i64::MAX, i64::from)).await)
    }

    /// Empties dead letters of their payloads and headers, for the sake of the personal data in them; answers how many
    /// there were. The rest of each stays; it can be discarded, and requeued no more.
    pub async fn redact(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        on_store!(&self.pool, self.table, store => store.redact(ids).await)
    }

    /// Counts what waits, what is dead and what was delivered. Reads the whole backlog's index.
    pub async fn stats(&self) -> Result<OutboxStats, EventError> {
        on_store!(&self.pool, self.table, store => store.stats().await)
    }

    /// Writes a complete message in a transaction of its own.
    pub(crate) async fn keep(&self, message: &Message) -> Result<(), EventError> {
        let appender = self.appender.get_or_init(|| Appender::new(&self.table));
        let messages = std::slice::from_ref(message);
        let failed = |source: sqlx::Error| EventError::Outbox { operation: "keep the event", source: Box::new(source) };
        match &self.pool {
            #[cfg(feature = "postgres")]
            OutboxPool::Postgres(pool) => {
                // At a higher level, it could fail for another transaction's sake.
                let mut transaction = pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(failed)?;
                appender.append(super::OutboxConnection::Postgres(&mut transaction), messages).await?;
                transaction.commit().await.map_err(failed)
            }
            #[cfg(feature = "mysql")]
            OutboxPool::MySql(pool) => {
                let mut transaction = pool.begin().await.map_err(failed)?;
                appender.append(super::OutboxConnection::MySql(&mut transaction), messages).await?;
                transaction.commit().await.map_err(failed)
            }
            #[cfg(feature = "sqlite")]
            OutboxPool::Sqlite(pool) => {
                let mut transaction = pool.begin().await.map_err(failed)?;
                appender.append(super::OutboxConnection::Sqlite(&mut transaction), messages).await?;
                transaction.commit().await.map_err(failed)
            }
        }
    }
}

use sqlx::{Connection, MySql, MySqlConnection, QueryBuilder, SqlStr};

use super::{
    super::{
        OutboxTable, Quotes,
        encoding::{headers_text, key_hash},
        queue::{database_error, not_kept},
        rights::WRITE,
    },
    number,
};
use crate::{EventError, event::envelope::Message};

const INSERT: &str = "
    INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload) ";

/// Waits for every other open transaction that orders its commit by one of the same rows, which are locked in the order of
/// the primary key, so that two statements cannot wait for each other.
const LOCK: &str =
    "SELECT bucket FROM {order_locks} FORCE INDEX (PRIMARY) WHERE bucket IN ({buckets}) ORDER BY bucket FOR UPDATE";

/// The number of locks that the ordering keys share, by the rows of the migration.
const BUCKETS: i64 = 256;

/// A statement has at most 65,535 parameters (MySQL, `ER_PS_MANY_PARAM`); a row has 8.
const MOST_ROWS: usize = 1_000;
/// Half of the smallest default of `max_allowed_packet`: 16 MiB, in MariaDB.
const MOST_BYTES: usize = 8 << 20;
/// Statements of up to so many rows are kept prepared on the connection.
const USUAL_ROWS: usize = 8;

/// `ER_CANT_CHANGE_TX_CHARACTERISTICS`
const IN_TRANSACTION: u16 = 1568;
/// `ER_LOCK_WAIT_TIMEOUT`, `ER_LOCK_DEADLOCK`, `ER_LOCK_NOWAIT`, MariaDB's `ER_CHECKREAD`
const CONFLICTS: [u16; 4] = [1205, 1213, 3572, 1020];

#[derive(Debug, Clone)]
pub(crate) struct Append {
    table: OutboxTable,
    insert: SqlStr,
}

impl Append {
    pub(crate) fn new(table: &OutboxTable) -> Self {
        Self { table: table.clone(), insert: Quotes::Backticks.statement(INSERT, table) }
    }

    /// One statement for as many messages as go into one.
    pub(crate) async fn append(
        &self,
        connection: &mut MySqlConnection,
        messages: &[Message],
    ) -> Result<(), EventError> {
        self.require_transaction(connection).await?;
        self.lock(connection, messages).await?;
        let mut rest = messages;
        while !rest.is_empty() {
            let (some, others) = rest.split_at(fitting(rest));
            self.insert(connection, some).await?;
            rest = others;
        }
        Ok(())
    }

    async fn insert(&self, connection: &mut MySqlConnection, messages: &[Message]) -> Result<(), EventError> {
        let mut insert = QueryBuilder::<MySql>::new(self.insert.as_str());
        insert.push_values(messages, |mut row, message| {
            row.push_bind(message.id.to_string())
                .push_bind(&*message.event_type)
                .push_bind(&message.topic)
                .push_bind(message.key())
                .push_bind(message.ordering_key())
                .push_bind(key_hash(message))
                .push_bind(headers_text(message))
                .push_bind(message.payload.as_bytes());
        });
        let insert = insert.build().persistent(messages.len() <= USUAL_ROWS);
        let written = insert.execute(connection).await;
        let written = written.map_err(|error| database_error(WRITE, &self.table, error))?;
        not_kept(&self.table, written.rows_affected(), messages.len())
    }

    async fn lock(&self, connection: &mut MySqlConnection, messages: &[Message]) -> Result<(), EventError> {
        let ordered = messages.iter().filter(|message| message.in_commit_order);
        let mut buckets: Vec<String> = ordered.map(|message| (key_hash(message) % BUCKETS).to_string()).collect();
        if buckets.is_empty() {
            return Ok(());
        }
        buckets.sort_unstable();
        buckets.dedup();
        let lock = Quotes::Backticks.statement(&LOCK.replace("{buckets}", &buckets.join(", ")), &self.table);
        sqlx::query(lock).persistent(false).fetch_all(connection).await.map(drop).map_err(|source| {
            if number(&source).is_some_and(|number| CONFLICTS.contains(&number)) {
                return EventError::OrderingConflict { source: Box::new(source) };
            }
            database_error("order the commit", &self.table, source)
        })
    }

    /// A connection that commits every statement by itself would separate the event from the work it is about.
    ///
    /// sqlx counts the transactions that it began itself; where it counts none, the server is asked, in a round trip of
    /// its own: what a transaction may do cannot be set while one is open (MySQL, "SET TRANSACTION Statement"). What is set
    /// here is what holds anyway.
    async fn require_transaction(&self, connection: &mut MySqlConnection) -> Result<(), EventError> {
        if connection.is_in_transaction() {
            return Ok(());
        }
        let failed = |error| database_error("ask for the transaction", &self.table, error);
        match sqlx::raw_sql("SET TRANSACTION READ WRITE").execute(&mut *connection).await {
            Err(error) if number(&error) == Some(IN_TRANSACTION) => return Ok(()),
            asked => asked.map_err(failed)?,
        };
        // Without autocommit the insert itself opens one.
        let commits: i64 = sqlx::query_scalar("SELECT @@autocommit").fetch_one(connection).await.map_err(failed)?;
        if commits == 0 { Ok(()) } else { Err(EventError::NotInTransaction) }
    }
}

/// The number of messages that go into one statement: one at the least.
fn fitting(messages: &[Message]) -> usize {
    let mut bytes = 0;
    let fits = messages.iter().take(MOST_ROWS).take_while(|message| {
        bytes += message.payload.len();
        bytes <= MOST_BYTES
    });
    fits.count().max(1)
}

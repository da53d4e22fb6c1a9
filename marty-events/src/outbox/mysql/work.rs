//! Connections for the relay's work, and transactions on them.
//!
//! Statements go as text, several to a packet: that is one round trip where prepared ones need three each. Whatever is
//! written into them is a number, an id, or text in hexadecimal digits.

use std::convert::Infallible;

use sqlx::{AssertSqlSafe, MySql, MySqlPool, Row, SqlStr, mysql::MySqlRow};

use super::{
    super::{Fault, Link, OutboxTable, row::count},
    statements::statement,
};

/// The session as the statements were made for: each is committed by itself outside a transaction, and none is cut off by a time-out
/// that is shorter than the relay's own. The pool may be the service's, so what was set before comes back at the end. Each server
/// leaves the comment of the other's out.
const SET_UP: &str = "SET @marty_events_patience = @@SESSION.innodb_lock_wait_timeout,
    @marty_events_autocommit = @@SESSION.autocommit, @marty_events_safety = @@SESSION.sql_safe_updates,
    /*M! @marty_events_limit = @@SESSION.max_statement_time, SESSION max_statement_time = 0, */
    /*!80000 @marty_events_limit = @@SESSION.max_execution_time, SESSION max_execution_time = 0, */
    SESSION autocommit = 1, SESSION sql_safe_updates = 0, SESSION innodb_lock_wait_timeout = 2;";
const SET_BACK: &str = "SET SESSION innodb_lock_wait_timeout = @marty_events_patience,
    /*M! SESSION max_statement_time = @marty_events_limit, */ /*!80000 SESSION max_execution_time = @marty_events_limit, */
    SESSION sql_safe_updates = @marty_events_safety, SESSION autocommit = @marty_events_autocommit";

/// `READ COMMITTED` locks no gaps, and each statement sees what is committed by then. It holds for this transaction alone.
const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION READ WRITE;";
/// The same with every `completion_type`.
const COMMIT: &str = "COMMIT AND NO CHAIN NO RELEASE";
const ROLLBACK: &str = "ROLLBACK AND NO CHAIN NO RELEASE";

/// A transaction on a connection of its own. One that is dropped before its end closes the connection, so that the server rolls
/// it back.
#[derive(Debug)]
pub(super) struct Work {
    link: Link<MySql>,
    table: OutboxTable,
}

impl Work {
    /// Begins with statements, and answers their rows.
    pub(super) async fn begin(
        pool: &MySqlPool,
        table: &OutboxTable,
        first: &str,
    ) -> Result<(Self, Vec<MySqlRow>), sqlx::Error> {
        let mut work = Self { link: Link::take(pool).await?, table: table.clone() };
        match work.rows(&format!("{SET_UP} {BEGIN} {first}")).await {
            Ok(rows) => Ok((work, rows)),
            Err(error) => Err(work.undo(error).await),
        }
    }

    /// Executes statements, and answers their rows.
    pub(super) async fn rows(&mut self, statements: &str) -> Result<Vec<MySqlRow>, sqlx::Error> {
        sqlx::raw_sql(statement(statements, &self.table)).fetch_all(&mut *self.link).await
    }

    /// Commits after these last statements, and answers their rows.
    pub(super) async fn commit(&mut self, last: &str) -> Result<Vec<MySqlRow>, sqlx::Error> {
        let separator = if last.is_empty() { "" } else { ";" };
        self.rows(&format!("{last}{separator} {COMMIT}; {SET_BACK}")).await
    }

    /// The end of work that changes nothing after all.
    pub(super) async fn give_up(mut self) -> Result<(), sqlx::Error> {
        let rolled_back = self.rows(&format!("{ROLLBACK}; {SET_BACK}")).await;
        self.link.end(rolled_back.map(drop), |_| true)
    }

    /// The end of work that was committed, or of work that failed, which is rolled back.
    pub(super) async fn end<T>(self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match result {
            Ok(answer) => self.link.end(Ok(answer), is_spoilt),
            Err(error) => Err(self.undo(error).await),
        }
    }

    async fn undo(mut self, error: sqlx::Error) -> sqlx::Error {
        // A connection that cannot even be rolled back is closed with the link.
        if matches!(error, sqlx::Error::Database(_)) && self.rows(&format!("{ROLLBACK}; {SET_BACK}")).await.is_err() {
            return error;
        }
        let Err(error) = self.link.end(Err::<Infallible, _>(error), is_spoilt);
        error
    }
}

/// Statements outside a transaction. Where one fails the session is not set back, and the connection is closed.
pub(super) async fn rows(pool: &MySqlPool, statements: SqlStr) -> Result<Vec<MySqlRow>, sqlx::Error> {
    let mut link = Link::take(pool).await?;
    let sql = format!("{SET_UP} {}; {SET_BACK}", statements.as_str());
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *link).await;
    link.end(rows, |_| true)
}

/// One statement in a transaction of its own; answers how many rows it changed.
pub(super) async fn execute(pool: &MySqlPool, table: &OutboxTable, sql: &str) -> Result<u64, sqlx::Error> {
    let (mut work, _) = Work::begin(pool, table, "DO 0").await?;
    let done = work.rows(&format!("{sql}; SELECT row_count() AS done")).await;
    let done = match done.and_then(|rows| rows.first().map_or(Ok(0), |row| row.try_get("done"))) {
        Ok(done) => work.commit("").await.map(|_| count(done)),
        Err(error) => Err(error),
    };
    work.end(done).await
}

/// True if the connection leads to a server that was failed over from: the pool would keep it for as long as it lives.
fn is_spoilt(error: &sqlx::Error) -> bool {
    Fault::of(error) == Fault::ReadOnly
}

//! Connections for the relay's work, and transactions on them.
//!
//! Statements go as text, several to a packet: that is one round trip where prepared ones need three each. Whatever is
//! written into them is a number, an id, or text in hexadecimal digits.

use std::convert::Infallible;

use sqlx::{MySql, MySqlPool, SqlStr, mysql::MySqlRow};

use super::{
    super::{OutboxTable, link::Link},
    number,
    statements::statement,
};

/// `READ COMMITTED` locks no gaps, and each statement sees what is committed by then. It holds for this transaction alone. The
/// pool may be the service's, so the session's own patience with locks comes back at the end.
const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET @marty_events_patience = @@SESSION.innodb_lock_wait_timeout, SESSION innodb_lock_wait_timeout = 2;
    START TRANSACTION;";
const END: &str = "SET SESSION innodb_lock_wait_timeout = @marty_events_patience";

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
        match work.rows(&format!("{BEGIN} {first}")).await {
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
        self.rows(&format!("{last}{separator} COMMIT; {END}")).await
    }

    /// The end of work that changes nothing after all.
    pub(super) async fn give_up(mut self) -> Result<(), sqlx::Error> {
        let rolled_back = self.rows(&format!("ROLLBACK; {END}")).await;
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
        if matches!(error, sqlx::Error::Database(_)) && self.rows(&format!("ROLLBACK; {END}")).await.is_err() {
            return error;
        }
        let Err(error) = self.link.end(Err::<Infallible, _>(error), is_spoilt);
        error
    }
}

/// Statements outside a transaction.
pub(super) async fn rows(pool: &MySqlPool, statements: SqlStr) -> Result<Vec<MySqlRow>, sqlx::Error> {
    let mut link = Link::take(pool).await?;
    let rows = sqlx::raw_sql(statements).fetch_all(&mut *link).await;
    link.end(rows, is_spoilt)
}

/// Whether the connection leads to a server that was failed over from: the pool would keep it for as long as it lives.
/// `ER_OPTION_PREVENTS_STATEMENT` (`read_only`), `ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION`, `ER_READ_ONLY_MODE`
fn is_spoilt(error: &sqlx::Error) -> bool {
    number(error).is_some_and(|number| [1290, 1792, 1836].contains(&number))
}

//! A unit of work, as many services have one of their own around their database's transaction.

use marty_events::{OutboxConnection, OutboxTransaction};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

pub(crate) struct UnitOfWork {
    tx: Transaction<'static, Sqlite>,
}

/// All that marty-events asks of it.
impl OutboxTransaction for UnitOfWork {
    fn connection(&mut self) -> OutboxConnection<'_> {
        self.tx.connection()
    }
}

impl UnitOfWork {
    pub(crate) async fn begin(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        Ok(Self { tx: pool.begin().await? })
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }
}

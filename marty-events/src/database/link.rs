//! Connections of a relay's own.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use sqlx::{Database, Pool, pool::PoolConnection};

/// A connection for one piece of work.
///
/// One that is dropped on the way, because its time was up, is closed at once and takes no place in the pool any more: the pool would
/// first ask the server how it is, and on a network that has forgotten the connection that lasts until TCP gives up.
pub(crate) struct Link<DB: Database>(Option<PoolConnection<DB>>);

impl<DB: Database> Link<DB> {
    pub(crate) async fn take(pool: &Pool<DB>) -> Result<Self, sqlx::Error> {
        Ok(Self(Some(pool.acquire().await?)))
    }

    /// The work is done, with this result. Whether the connection serves again: not where the server did not answer, and not where
    /// `is_spoilt` says so of its answer.
    pub(crate) fn end<T>(
        mut self,
        result: Result<T, sqlx::Error>,
        is_spoilt: impl FnOnce(&sqlx::Error) -> bool,
    ) -> Result<T, sqlx::Error> {
        let answered = match &result {
            Ok(_) => true,
            Err(error @ (sqlx::Error::Database(_) | sqlx::Error::RowNotFound)) => !is_spoilt(error),
            Err(_) => false,
        };
        if answered {
            drop(self.0.take());
        }
        result
    }
}

impl<DB: Database> Deref for Link<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        self.0.as_deref().expect("there is one until the work is done, which takes the link")
    }
}

impl<DB: Database> DerefMut for Link<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        self.0.as_deref_mut().expect("there is one until the work is done, which takes the link")
    }
}

impl<DB: Database> Drop for Link<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

impl<DB: Database> fmt::Debug for Link<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

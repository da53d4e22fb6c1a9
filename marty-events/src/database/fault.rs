//! The meaning of a database's errors, by their codes and never by their texts, which a server may translate.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod tests;

/// The meaning of a failure for the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each database has some of them")]
pub(crate) enum Fault {
    /// A table or a column is not there.
    Missing,
    /// A right is missing.
    Forbidden,
    /// Row-level security does not let this user see or write the row.
    Hidden,
    /// Another transaction came first. The same may go through at once.
    Conflict,
    /// Somebody holds a lock for longer than is waited for.
    Locked,
    /// The server, or the way to it, does not work. That ends without a change of the statement or of a setting.
    Outage,
    /// The server, or this transaction, takes no writes.
    ReadOnly,
    /// This client is not let in: the user, the password, the database, the certificate, a parameter of the connection.
    NotAdmitted,
    /// A prepared statement is not on this connection: a pooler gives one connection to several clients.
    Pooled,
    /// The statement, its values or the protocol. Another try fails alike.
    Refused,
}

impl Fault {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => Self::Outage,
            sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) | sqlx::Error::PoolClosed => Self::NotAdmitted,
            sqlx::Error::Database(error) => of_database(&**error).unwrap_or(Self::Refused),
            _ => Self::Refused,
        }
    }

    /// The same of the source of an [`EventError`](crate::EventError); nothing where that is not a database's error.
    pub(crate) fn behind(source: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<Self> {
        source.downcast_ref().map(Self::of)
    }

    /// True if the same call may succeed when it is made again.
    pub(crate) fn is_passing(self) -> bool {
        matches!(self, Self::Conflict | Self::Locked | Self::Outage | Self::Pooled)
    }
}

fn of_database(error: &dyn sqlx::error::DatabaseError) -> Option<Fault> {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        return Some(postgres::fault(error.code(), error.routine(), error.message()));
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(mysql::fault(error.number()));
    }
    #[cfg(feature = "sqlite")]
    if let Some(error) = error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        let code = sqlx::error::DatabaseError::code(error)?.parse().ok()?;
        return Some(sqlite::fault(code, sqlx::error::DatabaseError::message(error)));
    }
    None
}

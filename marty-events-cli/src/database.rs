//! The outbox database that the arguments name, and the inbox in it.

use std::time::Duration;

use clap::Args;
use marty_events::{
    OutboxRepository,
    inbox::{InboxRepository, InboxTable},
    outbox::{OutboxPool, OutboxTable},
};
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
use sqlx::Connection;

use crate::{
    exit::Exit,
    failure::{Failure, Result},
    shared::Shared,
};

/// The limit of a connection. A pool would try for 30 s and then report its own time-out alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The inbox table of a consumer that names no other one.
const USUAL_INBOX: &str = "event_inbox";

/// The statement fails where there is no outbox of the usual name. An outbox of an earlier version lacks other tables, or columns.
const USUAL_OUTBOX: &str = "SELECT 1 FROM event_outbox WHERE 1 = 0";

/// An outbox, with its pool and its table.
pub(crate) struct Outbox {
    pub(crate) pool: OutboxPool,
    pub(crate) table: OutboxTable,
    pub(crate) repository: OutboxRepository,
}

impl Outbox {
    /// The outbox that the arguments name. No connection is made yet.
    pub(crate) fn of(shared: &Shared) -> Result<Self> {
        let url = shared.database_url().ok_or_else(|| {
            Failure::new(Exit::Usage, "no database is named").advise("set DATABASE_URL, or give --database-url")
        })?;
        Self::at(url, shared.table_name())
    }

    /// The outbox of a database, in the usual table unless another one is named. No connection is made yet.
    pub(crate) fn at(url: &str, table: Option<&str>) -> Result<Self> {
        let pool = OutboxPool::connect_lazy(url).map_err(|error| {
            let failure = Failure::from(error);
            Failure { exit: Exit::Usage, ..failure }
                .advise("write DATABASE_URL as postgres://.., mysql://.. or sqlite://.. of a database that is built in")
        })?;
        let table = table.map_or_else(|| Ok(OutboxTable::default()), str::parse)?;
        let repository = OutboxRepository::new(&pool).table(table.clone());
        Ok(Self { pool, table, repository })
    }

    /// The outbox that the arguments name, once its database has answered.
    pub(crate) async fn reached(shared: &Shared) -> Result<Self> {
        let outbox = Self::of(shared)?;
        reach(&outbox.pool).await.map_err(|error| unreachable_database(&outbox.pool, &error))?;
        Ok(outbox)
    }
}

/// True if the database has no outbox of the usual name. Asked where one cannot be read for want of a table or a column.
pub(crate) async fn lacks_outbox(pool: &OutboxPool) -> bool {
    match pool {
        #[cfg(feature = "postgres")]
        OutboxPool::Postgres(pool) => sqlx::query(USUAL_OUTBOX).execute(pool).await.is_err(),
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) => sqlx::query(USUAL_OUTBOX).execute(pool).await.is_err(),
        #[cfg(feature = "sqlite")]
        OutboxPool::Sqlite(pool) => sqlx::query(USUAL_OUTBOX).execute(pool).await.is_err(),
        _ => false,
    }
}

/// The place of a group's inbox.
#[derive(Debug, Args)]
pub(crate) struct GroupTable {
    /// The inbox table of the group, as table or schema.table.
    #[arg(long = "inbox-table", global = true, value_name = "TABLE", default_value = USUAL_INBOX)]
    name: String,
}

impl GroupTable {
    /// True for another table than the usual one.
    pub(crate) fn is_named(&self) -> bool {
        self.name.trim() != USUAL_INBOX
    }

    pub(crate) fn table(&self) -> Result<InboxTable> {
        let table = self.name.trim().parse();
        table.map_err(|error| Failure::from(error).advise("write --inbox-table as table or schema.table"))
    }

    /// The inbox in the outbox's database.
    pub(crate) fn inbox_of(&self, outbox: &Outbox) -> Result<InboxRepository> {
        Ok(InboxRepository::new(&outbox.pool).table(self.table()?))
    }
}

/// The failure that names the missing rights, if a relay's rights are missing.
pub(crate) async fn lacking(shared: &Shared) -> Option<Failure> {
    let outbox = Outbox::of(shared).ok()?;
    let failure = Failure::from(outbox.repository.validate().await.err()?);
    failure.lacks_rights.then_some(failure)
}

/// Connects once, so that a failure has its own cause and not the pool's.
pub(crate) async fn reach(pool: &OutboxPool) -> Result<(), sqlx::Error> {
    let connect = async {
        match pool {
            #[cfg(feature = "postgres")]
            OutboxPool::Postgres(pool) => {
                sqlx::PgConnection::connect_with(&pool.connect_options()).await?.close().await
            }
            #[cfg(feature = "mysql")]
            OutboxPool::MySql(pool) => {
                sqlx::MySqlConnection::connect_with(&pool.connect_options()).await?.close().await
            }
            #[cfg(feature = "sqlite")]
            OutboxPool::Sqlite(pool) => {
                sqlx::SqliteConnection::connect_with(&pool.connect_options()).await?.close().await
            }
            _ => Ok(()),
        }
    };
    tokio::time::timeout(PATIENCE, connect)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

fn unreachable_database(pool: &OutboxPool, error: &sqlx::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{} cannot be reached", place(pool))).because(error).advise(advice(pool, error))
}

/// The database's product and place, without user and password.
pub(crate) fn place(pool: &OutboxPool) -> String {
    match pool {
        #[cfg(feature = "postgres")]
        OutboxPool::Postgres(pool) => {
            let options = pool.connect_options();
            let database = options.get_database().unwrap_or("(default)");
            format!("PostgreSQL {}:{}/{database}", host(options.get_host()), options.get_port())
        }
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) => {
            let options = pool.connect_options();
            let database = options.get_database().unwrap_or("(none)");
            format!("MySQL {}:{}/{database}", host(options.get_host()), options.get_port())
        }
        #[cfg(feature = "sqlite")]
        OutboxPool::Sqlite(pool) => format!("SQLite {}", pool.connect_options().get_filename().display()),
        _ => "the database".to_owned(),
    }
}

/// An IPv6 address has brackets beside a port.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn host(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Advice on a connection that failed.
pub(crate) fn advice(pool: &OutboxPool, error: &sqlx::Error) -> &'static str {
    #[cfg(feature = "sqlite")]
    if matches!(pool, OutboxPool::Sqlite(_)) {
        return "check the path in DATABASE_URL; `?mode=rwc` behind it creates a missing file";
    }
    let _ = pool;
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let says = |text: &str| error.as_database_error().is_some_and(|error| error.message().contains(text));
    match (error, code.as_deref()) {
        // PgBouncer's words, by `client.c`.
        (_, Some("08P01")) if says("unsupported startup parameter") => {
            "leave the parameter out of DATABASE_URL, or add it to ignore_startup_parameters of PgBouncer; services need extra_float_digits there"
        }
        (_, Some("08P01")) => {
            "a pooler answers and not PostgreSQL: read its log, and see \"Behind PgBouncer\" in the documentation"
        }
        // PostgreSQL: 28 invalid authorization; MySQL: 28000.
        (_, Some("28P01" | "28000")) => "check the user and the password in DATABASE_URL, and the server's host rules",
        // PostgreSQL: 3D000 invalid catalog name; MySQL: 42000 of an unknown database.
        (_, Some("3D000" | "42000")) => "create the database, or name an existing one in DATABASE_URL",
        (_, Some("53300" | "08004")) => "the server has no connection left: close others, or raise its max_connections",
        (sqlx::Error::Tls(_), _) => {
            "build the command with the feature `database-tls`, or set sslmode in DATABASE_URL as the server wants it"
        }
        (sqlx::Error::Database(_), _) => "read the database's message",
        _ => "check host and port in DATABASE_URL, that the server runs, and that no firewall is between",
    }
}

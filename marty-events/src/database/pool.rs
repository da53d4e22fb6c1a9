use std::time::Duration;

#[cfg(feature = "sqlite")]
use sqlx::SqlitePool;
#[cfg(feature = "mysql")]
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgPool};

use super::OutboxTable;
use crate::{EventError, error::OneLine};

/// The number of connections that a relay has of its own: one for each kind of work that goes on at a time, so that none waits for another's.
/// They are the heartbeat, a page, a pass, a settlement, a judgement, retention, the sweep and the count for the gauges.
const OWN_CONNECTIONS: u32 = 8;

/// A connection pool of any database that has an outbox; made from the pool itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OutboxPool {
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
    /// MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    MySql(MySqlPool),
    /// SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
}

impl OutboxPool {
    /// A pool for a URL whose scheme names the database; connects when it is first used.
    ///
    /// # Errors
    ///
    /// [`EventError::Outbox`] for a URL that cannot be read, [`EventError::UnsupportedDatabase`] for a database that is
    /// not built in.
    pub fn connect_lazy(url: &str) -> Result<Self, EventError> {
        let failed =
            |source: sqlx::Error| EventError::Outbox { operation: "read DATABASE_URL", source: Box::new(source) };
        refuse_unknown_secret(url).map_err(failed)?;
        let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                let options: PgConnectOptions = url.parse().map_err(failed)?;
                let options = options.clone().host(address(options.get_host()));
                Ok(Self::Postgres(PgPool::connect_lazy_with(plain(options))))
            }
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => {
                let options: MySqlConnectOptions = url.parse().map_err(failed)?;
                let options = options.clone().host(address(options.get_host()));
                Ok(Self::MySql(committing().connect_lazy_with(options)))
            }
            #[cfg(not(feature = "mysql"))]
            "mysql" | "mariadb" => {
                Err(EventError::UnsupportedDatabase { database: "MySQL and MariaDB", feature: "mysql" })
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => SqlitePool::connect_lazy(url).map(Self::Sqlite).map_err(failed),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(EventError::UnsupportedDatabase { database: "SQLite", feature: "sqlite" }),
            _ => Err(EventError::UnsupportedDatabase { database: "the database of DATABASE_URL", feature: "postgres" }),
        }
    }
}

#[cfg(feature = "kafka")]
impl OutboxPool {
    /// The name of an outbox in this database, by which it differs from those of other services: database and table. Nothing asks
    /// the database: the name must be the same while it is away.
    pub(crate) fn outbox_name(&self, table: &OutboxTable) -> String {
        let database = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                let options = pool.connect_options();
                // As the server does where a client names no database.
                Some(options.get_database().unwrap_or_else(|| options.get_username()).to_owned())
            }
            // A schema of MySQL is a database.
            #[cfg(feature = "mysql")]
            Self::MySql(_) if table.schema().is_some() => None,
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => pool.connect_options().get_database().map(str::to_owned),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => {
                let options = pool.connect_options();
                let name = options.get_filename().file_stem().map(|name| name.to_string_lossy().into_owned());
                // An in-memory database has a number in the place of a file.
                name.filter(|name| !name.starts_with("file:"))
            }
        };
        database.map_or_else(|| table.to_string(), |database| format!("{database}.{table}"))
    }

    /// A pool of a relay's own, to the same database with the same options: eight connections, made when they are needed and closed after a
    /// minute without use, besides the one that listens. The service's connections may all be busy, and some of them with what the relay
    /// would wait for. SQLite has one writer at a time anyway, and an in-memory database only the connections that it has: there it is the given
    /// pool.
    pub(crate) fn own(&self) -> Self {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                let options = own_options(pool.options().clone());
                Self::Postgres(options.connect_lazy_with(plain((*pool.connect_options()).clone())))
            }
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => {
                let options = own_options(pool.options().clone());
                Self::MySql(options.connect_lazy_with((*pool.connect_options()).clone()))
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => Self::Sqlite(pool.clone()),
        }
    }
}

/// Without the parameter that sqlx adds for floating-point numbers, of which the outbox has none: `PgBouncer` lets no client in that sends
/// it, unless it is told to ignore it.
#[cfg(feature = "postgres")]
pub(crate) fn plain(options: PgConnectOptions) -> PgConnectOptions {
    options.extra_float_digits(None)
}

/// Connections that commit each statement by itself, whatever the server's default: one that does not would show the same rows for ever.
#[cfg(feature = "mysql")]
fn committing() -> MySqlPoolOptions {
    MySqlPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move { sqlx::raw_sql("SET SESSION autocommit = 1").execute(connection).await.map(drop) })
    })
}

#[cfg(all(feature = "kafka", any(feature = "postgres", feature = "mysql")))]
fn own_options<DB: sqlx::Database>(given: sqlx::pool::PoolOptions<DB>) -> sqlx::pool::PoolOptions<DB> {
    given
        .max_connections(OWN_CONNECTIONS)
        .min_connections(0)
        .acquire_timeout(Duration::from_secs(5))
        .idle_timeout(Duration::from_mins(1))
}

/// A host, without the brackets that the address of IPv6 has in a URL: with them sqlx looks it up as a name.
fn address(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// sqlx warns of parameters that it does not know, with their values; so of those that look like a secret, such as libpq's
/// `sslpassword`, it must not hear.
fn refuse_unknown_secret(url: &str) -> Result<(), sqlx::Error> {
    let Some((_, query)) = url.split_once('?') else { return Ok(()) };
    let mut names = query.split(['&', '#']).map(|pair| pair.split('=').next().unwrap_or_default().to_lowercase());
    let is_secret =
        |name: &String| name != "password" && ["pass", "pwd", "secret", "token"].iter().any(|word| name.contains(word));
    match names.find(is_secret) {
        Some(name) => Err(sqlx::Error::Configuration(
            format!("`{}` is not a parameter of a database URL; leave it out", OneLine(&name)).into(),
        )),
        None => Ok(()),
    }
}

macro_rules! from_pool {
    ($feature:literal, $pool:ty, $variant:ident) => {
        #[cfg(feature = $feature)]
        impl From<$pool> for OutboxPool {
            fn from(pool: $pool) -> Self {
                Self::$variant(pool)
            }
        }

        #[cfg(feature = $feature)]
        impl From<&$pool> for OutboxPool {
            fn from(pool: &$pool) -> Self {
                Self::$variant(pool.clone())
            }
        }
    };
}

from_pool!("postgres", PgPool, Postgres);
from_pool!("mysql", MySqlPool, MySql);
from_pool!("sqlite", SqlitePool, Sqlite);

impl From<&OutboxPool> for OutboxPool {
    fn from(pool: &OutboxPool) -> Self {
        pool.clone()
    }
}

#[cfg(test)]
#[cfg(all(feature = "kafka", feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_outboxes_of_two_services_have_two_names() {
        for (url, table, name) in [
            ("postgres://me@db/users", "event_outbox", "users.event_outbox"),
            ("postgres://me@db/users", "ledger.events", "users.ledger.events"),
            ("mysql://me@db/users", "event_outbox", "users.event_outbox"),
            ("mysql://me@db/users", "ledger.events", "ledger.events"),
            ("mysql://me@db", "event_outbox", "event_outbox"),
            ("sqlite:///var/lib/users.db", "event_outbox", "users.event_outbox"),
            ("sqlite::memory:", "event_outbox", "event_outbox"),
        ] {
            let pool = OutboxPool::connect_lazy(url).expect("a pool");
            assert_eq!(pool.outbox_name(&table.parse().expect("a table")), name, "{url}");
        }
    }
}

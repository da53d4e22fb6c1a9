//! A relay's statements on a real server.

mod leases;
mod pages;
mod plans;
mod rows;

use std::{fs::OpenOptions, io::Write, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use super::{
    super::{
        OutboxTable,
        inspect::Inspect,
        lanes::{Lane, Portion},
        queue::{Heartbeat, Holding, Queue, Tally},
        relays::RelayName,
    },
    PostgresStore,
};

/// A database of its own with the outbox's tables.
struct Fixture {
    pool: PgPool,
    store: PostgresStore,
}

impl Fixture {
    /// Nothing, after saying so, where there is no server.
    async fn start(test: &str) -> Option<Self> {
        let Some(admin) = std::env::var("DATABASE_URL").ok().filter(|url| url.starts_with("postgres")) else {
            let line = format!("SKIPPED: {test}: DATABASE_URL is not set; run scripts/test, which starts the servers");
            eprintln!("{line}");
            if let Some(log) = std::env::var_os("MARTY_EVENTS_SKIP_LOG") {
                let file = OpenOptions::new().create(true).append(true).open(log);
                file.and_then(|mut file| writeln!(file, "{line}")).expect("the log of skipped tests can be written");
            }
            return None;
        };
        let name = format!("marty_test_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&admin).await.expect("the server answers");
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut connection).await.expect("a database can be made");
        let options = PgConnectOptions::from_str(&admin).expect("a URL").database(&name);
        let pool = PgPoolOptions::new().max_connections(8).connect_with(options).await.expect("a connection");
        crate::outbox::migrate(&pool).await.expect("the tables can be made");
        let store = PostgresStore::new(pool.clone(), OutboxTable::default());
        Some(Self { pool, store })
    }

    async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.expect(sql);
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.expect(sql)
    }

    /// Inserts `count` rows, one of each lane after the other.
    async fn write(&self, count: i64) {
        self.run(&insert(count)).await;
    }

    /// The lanes of a relay of this store after a heartbeat.
    async fn beat(&self, relay: Uuid) -> Holding {
        self.store.heartbeat(&alive(relay), None).await.expect("a heartbeat")
    }
}

fn insert(count: i64) -> String {
    format!(
        "INSERT INTO event_outbox (event_id, event_type, topic, key_hash, headers, payload)
        SELECT gen_random_uuid(), 'e', 't', number % 16, '[]', '' FROM generate_series(0, {count} - 1) AS number"
    )
}

fn alive(relay: Uuid) -> Heartbeat {
    let name = Arc::new(RelayName::of_this_process("users"));
    Heartbeat { relay, name, lease: Duration::from_mins(1), delivers: true, mark: None, tally: Tally::default() }
}

fn marked(relay: Uuid, mark: &str) -> Heartbeat {
    Heartbeat { mark: Some(mark.to_owned()), ..alive(relay) }
}

/// The most rows of a [`portion`].
const LIMIT: i64 = 100;

fn portion(lanes: &[Lane]) -> Portion<'_> {
    Portion { lanes, rows: LIMIT, bytes: 1 << 20 }
}

fn numbers(lanes: &[Lane]) -> Vec<i32> {
    lanes.iter().map(|lane| lane.number).collect()
}

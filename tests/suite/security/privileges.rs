//! The rights that docs/security.md gives suffice, and go no further.

use std::{str::FromStr, time::Duration};

use marty_events::{
    DomainEvent, EventConfig, EventError, EventOrdering, EventPublisher, OutboxRelay, OutboxRepository,
};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    mariadb::MariaDatabase,
    printed, servers, topics, wait,
};
use sqlx::{AssertSqlSafe, MySqlPool, PgPool, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::support::service::{RunningRelay, config};

/// The statements of `title`'s section for `whom`, with `role` in place of the role's name.
fn documented(title: &str, whom: &str, role: &str) -> String {
    let document = include_str!("../../../docs/security.md");
    let (_, section) = document.split_once(&format!("\n### {title}\n")).expect("the section");
    let (_, block) = section.split_once(&format!("```sql {whom}\n")).expect("the statements");
    let (statements, _) = block.split_once("```").expect("their end");
    statements.replace(&format!("events_{whom}"), role)
}

/// Statements that a writer has no right to, on either database.
const NOT_FOR_WRITERS: [&str; 4] = [
    "SELECT payload FROM event_outbox",
    "DELETE FROM event_outbox",
    "UPDATE event_outbox SET topic = 'x'",
    "INSERT INTO event_outbox (seq) VALUES (1)",
];

/// The same steps on both databases: one user writes, another relays.
struct Scenario {
    publisher: EventPublisher,
    config: EventConfig,
    reader: Reader,
    prefix: String,
}

impl Scenario {
    fn new(brokers: &str) -> Self {
        let prefix = prefix();
        let config = config(brokers, &prefix);
        let publisher = EventPublisher::new(&config).expect("a publisher");
        Self { publisher, config, reader: Reader::start(brokers, &prefix), prefix }
    }

    fn events() -> [DomainEvent; 3] {
        let event = |key, size| DomainEvent::new("user", key, "created").data(&"x".repeat(size));
        [event("k-1", 1), event("k-2", 1).ordering(EventOrdering::Commit), event("too-large", 5_000)]
    }

    /// Everything that a relay and its operator do.
    async fn relays(&self, pool: impl Into<marty_events::outbox::OutboxPool>) {
        let pool = pool.into();
        let outbox = OutboxRepository::new(&pool);
        outbox.validate().await.expect("the documented rights");
        let relay = OutboxRelay::builder(&pool)
            .config(self.config.clone())
            .max_attempts(2)
            .retry_delay(Duration::from_millis(20))
            .keep_published(Duration::from_hours(1))
            .keep_dead_letters(Duration::from_hours(1));
        let relay = RunningRelay::start(relay);
        self.reader.events(2).await;
        let dead = wait::until("the dead letter", || async { outbox.dead_letters(9).await.ok()?.pop() }).await;
        relay.stop().await;
        let id = [dead.event.event_id];
        assert_eq!(outbox.requeue(&id).await.expect("the right to requeue"), 1);
        assert_eq!(outbox.pending(9).await.expect("the right to look").len(), 1);
        assert_eq!(outbox.stats().await.expect("the right to count").published, 2);
        outbox.cleanup(Duration::ZERO).await.expect("the right to clean up");
    }
}

fn is_forbidden<T: std::fmt::Debug>(answer: Result<T, sqlx::Error>) {
    let error = answer.expect_err("it is not allowed").to_string().to_lowercase();
    assert!(error.contains("denied"), "{error}");
}

#[tokio::test]
async fn the_documented_rights_suffice_in_postgresql() {
    let test = "the_documented_rights_suffice_in_postgresql";
    let (Some(brokers), Some(database)) = (servers::kafka(test), TestDatabase::create(test).await) else { return };
    let scenario = Scenario::new(&brokers);
    topics::create(&brokers, &format!("{}.suite.user.created", scenario.prefix), 2_000).await;
    let id = Uuid::now_v7().simple();
    let (writer, relay) = (format!("writer_{id}"), format!("relay_{id}"));
    let mut pools = Vec::new();
    for (whom, role) in [("writer", &writer), ("relay", &relay)] {
        let statements =
            format!("CREATE ROLE {role} LOGIN PASSWORD 'limited';\n{}", documented("PostgreSQL", whom, role));
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&database.pool).await.unwrap();
        let options = PgConnectOptions::from_str(&database.url).unwrap().username(role).password("limited");
        pools.push(PgPool::connect_with(options).await.unwrap());
    }
    let [as_writer, as_relay] = &pools[..] else { panic!("two roles") };

    let mut transaction = as_writer.begin().await.unwrap();
    scenario.publisher.publish_all_in(&mut transaction, Scenario::events()).await.unwrap();
    transaction.commit().await.unwrap();
    for statement in NOT_FOR_WRITERS {
        is_forbidden(sqlx::query(statement).execute(as_writer).await);
    }
    is_forbidden(sqlx::query("SELECT 1 FROM event_outbox_dead_letters").fetch_all(as_writer).await);
    let error = OutboxRepository::new(as_writer).validate().await.unwrap_err();
    assert!(matches!(error, EventError::OutboxForbidden { .. }), "{error:?}");

    scenario.relays(as_relay).await;
    is_forbidden(sqlx::query("TRUNCATE event_outbox").execute(as_relay).await);
    for pool in &pools {
        pool.close().await;
    }
    let drop_roles = format!("DROP OWNED BY {writer}, {relay}; DROP ROLE {writer}, {relay}");
    sqlx::raw_sql(AssertSqlSafe(drop_roles)).execute(&database.pool).await.unwrap();
}

#[tokio::test]
async fn the_documented_rights_suffice_in_mariadb() {
    let test = "the_documented_rights_suffice_in_mariadb";
    let (Some(brokers), Some(database)) = (servers::kafka(test), MariaDatabase::create(test).await) else { return };
    let scenario = Scenario::new(&brokers);
    topics::create(&brokers, &format!("{}.suite.user.created", scenario.prefix), 2_000).await;
    let id = &Uuid::new_v4().simple().to_string()[..16];
    let (writer, relay) = (format!("writer_{id}"), format!("relay_{id}"));
    let (_, place) = database.url.rsplit_once('@').unwrap();
    let mut pools = Vec::new();
    for (whom, role) in [("writer", &writer), ("relay", &relay)] {
        let statements =
            format!("CREATE USER {role} IDENTIFIED BY 'limited';\n{}", documented("MySQL and MariaDB", whom, role));
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&database.pool).await.unwrap();
        pools.push(MySqlPool::connect(&format!("mysql://{role}:limited@{place}")).await.unwrap());
    }
    let [as_writer, as_relay] = &pools[..] else { panic!("two users") };

    let mut transaction = as_writer.begin().await.unwrap();
    scenario.publisher.publish_all_in(&mut transaction, Scenario::events()).await.unwrap();
    transaction.commit().await.unwrap();
    for statement in NOT_FOR_WRITERS {
        is_forbidden(sqlx::query(statement).execute(as_writer).await);
    }

    scenario.relays(as_relay).await;
    is_forbidden(sqlx::query("DROP TABLE event_outbox").execute(as_relay).await);
    let drop_users = format!("DROP USER {writer}, {relay}");
    sqlx::raw_sql(AssertSqlSafe(drop_users)).execute(&database.pool).await.unwrap();
}

/// Other pages than docs/security.md print statements, too.
#[tokio::test]
async fn the_statements_of_the_guide_run() {
    let test = "the_statements_of_the_guide_run";
    let Some(database) = TestDatabase::create(test).await else { return };
    let id = Uuid::now_v7().simple();
    let mut grants = printed::only("docs/guide/outbox.md", "sql");
    for role in ["users_service", "users_relay"] {
        grants = printed::with(&grants, role, &format!("{role}_{id}"));
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE ROLE {role}_{id}"))).execute(&database.pool).await.unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&database.pool).await.unwrap();

    sqlx::query("CREATE TABLE handled_events (event_id uuid PRIMARY KEY)").execute(&database.pool).await.unwrap();
    let once = printed::only("docs/guide/relay.md", "sql");
    let event = Uuid::now_v7();
    for rows in [1, 0] {
        let handled = sqlx::query(AssertSqlSafe(once.clone())).bind(event).execute(&database.pool).await.unwrap();
        assert_eq!(handled.rows_affected(), rows, "the second delivery inserts no row");
    }
}

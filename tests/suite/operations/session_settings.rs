//! Databases and users whose sessions begin otherwise: the relay's statements run as they were made for, and a conflict is not an outage.

use std::{str::FromStr, time::Duration};

use marty_events::{EventPublisher, OutboxRelay, OutboxRepository, outbox::OutboxPool};
use marty_events_tests::{
    kafka::{Reader, prefix},
    logs::Lines,
    mariadb::MariaDatabase,
    servers, wait,
};
use sqlx::{AssertSqlSafe, PgPool, mysql::MySqlPoolOptions, postgres::PgConnectOptions};
use tracing::level_filters::LevelFilter;
use uuid::Uuid;

use crate::support::{
    events::{histories, numbered},
    service::{RunningRelay, Service, config},
};

const KEYS: usize = 30;
const ROUNDS: usize = 30;

/// Notes the level of each transaction that settles events. A conflict at another level comes by chance.
const NOTE_LEVELS: &str = "
    CREATE TABLE levels (level text);
    CREATE FUNCTION note_level() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        INSERT INTO levels VALUES (current_setting('transaction_isolation'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_level AFTER DELETE ON event_outbox FOR EACH STATEMENT EXECUTE FUNCTION note_level()";

/// Two relays deliver in order while three writers write, at the level of their statements, and say nothing of an outage.
async fn relays_in_peace(service: &Service, pool: &PgPool) {
    sqlx::raw_sql(NOTE_LEVELS).execute(&service.database.pool).await.expect("a trigger");
    let lines = Lines::default();
    let relay = || {
        let relay = service.relay_in(pool).lease_time(Duration::from_secs(10));
        RunningRelay::start_under(relay, lines.of(LevelFilter::INFO))
    };
    let relays = [relay(), relay()];
    // The settings are the relays' to bear. A writer on a busy machine may pause for longer.
    let unhurried =
        ["idle_in_transaction_session_timeout", "idle_session_timeout", "lock_timeout", "statement_timeout"];
    let writers = PgConnectOptions::from_str(&service.database.url).expect("a URL");
    let writers = &PgPool::connect_lazy_with(writers.options(unhurried.map(|setting| (setting, "0"))));
    let writer = |first: usize| async move {
        for round in 0..ROUNDS {
            let mut transaction =
                writers.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await.expect("a transaction");
            let events = (0..KEYS / 3).map(|key| numbered(&format!("k-{}", first + key), round));
            service.publisher.publish_all_in(&mut transaction, events).await.expect("they are in the outbox");
            transaction.commit().await.expect("the commit");
        }
    };
    tokio::join!(writer(0), writer(KEYS / 3), writer(2 * KEYS / 3));
    let histories = histories(&service.reader.events(KEYS * ROUNDS).await);
    let ordered: Vec<i64> = (0..ROUNDS).map(|round| i64::try_from(round).expect("a few")).collect();
    assert!(histories.values().all(|history| *history == ordered), "{histories:?}");
    let outbox = OutboxRepository::new(&service.database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    for relay in relays {
        relay.stop().await;
    }
    let levels = sqlx::query_scalar("SELECT DISTINCT level FROM levels").fetch_all(&service.database.pool).await;
    let levels: Vec<String> = levels.expect("the levels");
    assert_eq!(levels, ["read committed"]);
    let log = lines.text();
    assert!(!log.contains("cannot reach the") && !log.contains("refuses") && !log.contains("cannot"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_serializable_by_default_is_relayed_from_in_peace() {
    let test = "a_database_that_is_serializable_by_default_is_relayed_from_in_peace";
    let Some(service) = Service::start(test).await else { return };
    let name = service.database.url.rsplit('/').next().unwrap();
    for (setting, value) in [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
        ("statement_timeout", "5000"),
        ("lock_timeout", "100"),
        ("idle_in_transaction_session_timeout", "3000"),
        // Shorter than the pause between two heartbeats.
        ("idle_session_timeout", "1000"),
    ] {
        let sql = format!("ALTER DATABASE {name} SET {setting} = '{value}'");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&service.database.pool).await.unwrap();
    }
    relays_in_peace(&service, &PgPool::connect_lazy(&service.database.url).unwrap()).await;
}

/// A role's setting, of which the database itself knows nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_set_to_repeatable_read_is_relayed_for_in_peace() {
    let test = "a_role_that_is_set_to_repeatable_read_is_relayed_for_in_peace";
    let Some(service) = Service::start(test).await else { return };
    let role = format!("repeatable_{}", Uuid::now_v7().simple());
    let sql = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'limited'; ALTER ROLE {role} SET default_transaction_isolation = 'repeatable read';
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&service.database.pool).await.unwrap();
    let options = PgConnectOptions::from_str(&service.database.url).unwrap().username(&role).password("limited");
    relays_in_peace(&service, &PgPool::connect_lazy_with(options)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_mariadb_that_begin_otherwise_are_relayed_for_in_peace() {
    let test = "sessions_of_mariadb_that_begin_otherwise_are_relayed_for_in_peace";
    let (Some(brokers), Some(database)) = (servers::kafka(test), MariaDatabase::create(test).await) else { return };
    let (prefix, lines) = (prefix(), Lines::default());
    let config = config(&brokers, &prefix);
    let publisher = EventPublisher::new(&config).unwrap();
    let reader = Reader::start(&brokers, &prefix);
    // As with the server's defaults for every session.
    let odd = MySqlPoolOptions::new()
        .after_connect(|connection, _| {
            Box::pin(async move {
                let settings =
                    "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET SESSION TRANSACTION READ ONLY;
                    SET SESSION autocommit = 0, sql_safe_updates = 1, innodb_lock_wait_timeout = 1, completion_type = 1,
                    max_statement_time = 0.2, sql_mode = 'ANSI'";
                sqlx::raw_sql(settings).execute(connection).await.map(drop)
            })
        })
        .connect_lazy(&database.url)
        .unwrap();
    let relay = || {
        let relay = OutboxRelay::builder(OutboxPool::from(&odd)).config(config.clone());
        let relay = relay.lease_time(Duration::from_secs(10)).keep_published(Duration::ZERO);
        RunningRelay::start_under(relay, lines.of(LevelFilter::INFO))
    };
    let relays = [relay(), relay()];
    for round in 0..ROUNDS {
        let mut transaction = database.pool.begin().await.unwrap();
        let events = (0..KEYS).map(|key| numbered(&format!("k-{key}"), round));
        publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
    }
    reader.events(KEYS * ROUNDS).await;
    let outbox = OutboxRepository::new(&database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    for relay in relays {
        relay.stop().await;
    }
    let log = lines.text();
    assert!(!log.contains("cannot reach the") && !log.contains("refuses"), "{log}");
    assert_eq!(outbox.stats().await.unwrap().published, u64::try_from(KEYS * ROUNDS).unwrap());

    // The service's own connections have their settings back.
    let theirs = OutboxRepository::new(&odd);
    theirs.stats().await.unwrap();
    theirs.discard(&[Uuid::now_v7()]).await.unwrap();
    let left = "SELECT CAST(@@autocommit + 10 * @@sql_safe_updates + 100 * @@innodb_lock_wait_timeout AS SIGNED)";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&odd).await.unwrap();
    assert_eq!(left, 110);
}

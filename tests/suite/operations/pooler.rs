//! The library behind a real `PgBouncer`, which is set up as it comes.

use marty_events::{
    OutboxRelay, OutboxRepository,
    outbox::{OutboxPool, migrate},
};
use marty_events_tests::{logs::Lines, wait};
use sqlx::{PgPool, Row, postgres::PgConnectOptions};
use tracing::level_filters::LevelFilter;

use crate::support::{
    events::{histories, numbered},
    operator::{Operator, assert_check},
    pgbouncer::Pooler,
    service::{RunningRelay, Service},
};

const EVENTS: usize = 300;

async fn works_behind(test: &str, mode: &str, settings: &str) {
    let Some(service) = Service::start(test).await else { return };
    let Some(pooler) = Pooler::start(test, &service.database.url, mode, settings) else { return };
    let url = pooler.url(&service.database.url);
    let OutboxPool::Postgres(pool) = OutboxPool::connect_lazy(&url).expect("a pool") else { panic!("a PostgreSQL") };
    wait::until("the pooler", || async { sqlx::raw_sql("SELECT 1").execute(&pool).await.ok() }).await;
    migrate(&pool).await.expect("its lock ends with its transaction");
    migrate(&pool).await.expect("its lock ended with its transaction");
    let lines = Lines::default();
    let relay = || {
        let relay = OutboxRelay::builder(&pool).config(service.config.clone()).listen(mode == "session");
        RunningRelay::start_under(relay.lease_time(std::time::Duration::from_mins(1)), lines.of(LevelFilter::INFO))
    };
    let relays = [relay(), relay()];
    for number in 0..EVENTS {
        let mut transaction = service.database.pool.begin().await.expect("a transaction");
        service
            .publisher
            .publish_in(&mut transaction, numbered(&format!("k-{}", number % 10), number / 10))
            .await
            .expect("the event is in the outbox");
        transaction.commit().await.expect("the commit");
    }
    let histories = histories(&service.reader.events(EVENTS).await);
    let ordered: Vec<i64> = (0..30).collect();
    assert!(histories.values().all(|history| *history == ordered), "{histories:?}");
    let outbox = OutboxRepository::new(&service.database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    let operator = Operator::of(&service).with("DATABASE_URL", &url);
    let report = operator.run(&["doctor", "--json"]);
    for (check, found) in [("database", "answers"), ("tables", "the tables exist"), ("backlog", "no event waits")] {
        assert_check(&report, check, "ok", found, "");
    }
    operator.text(&["status"]);
    operator.text(&["migrate"]);
    for relay in relays {
        relay.stop().await;
    }
    let log = lines.text();
    assert!(!log.contains("cannot reach the") && !log.contains("refuses"), "{log}");
    let published = outbox.stats().await.expect("the counts").published;
    assert_eq!(published, u64::try_from(EVENTS).expect("a few"), "each once");

    if mode == "transaction" {
        nothing_is_prepared_by_name(&pool).await;
    }

    // A parameter that the pooler does not let in is explained.
    if settings.contains("options") {
        return;
    }
    let answer = Operator::of(&service)
        .with("DATABASE_URL", format!("{url}?options=-c%20statement_timeout=1000"))
        .run(&["doctor", "--json"]);
    assert_check(&answer, "database", "failed", "unsupported startup parameter", "ignore_startup_parameters");
}

/// Clients that prepare by the same name in sessions that they share run each other's statements.
async fn nothing_is_prepared_by_name(pool: &PgPool) {
    // As many transactions at a time as there are sessions, so that each of them is looked into.
    let mut transactions = Vec::new();
    for _ in 0..Pooler::SHARED {
        let mut connection = pool.acquire().await.expect("a connection").detach();
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.expect("a transaction");
        transactions.push(connection);
    }
    for connection in &mut transactions {
        let names = sqlx::raw_sql("SELECT name || ': ' || statement FROM pg_prepared_statements WHERE name <> ''");
        let names = names.fetch_all(connection).await.expect("the names");
        let names: Vec<String> = names.iter().map(|row| row.get(0)).collect();
        assert!(names.is_empty(), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_works_behind_a_pooler_in_session_mode() {
    works_behind("the_library_works_behind_a_pooler_in_session_mode", "session", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_and_commands_work_behind_a_pooler_in_transaction_mode() {
    works_behind("relays_and_commands_work_behind_a_pooler_in_transaction_mode", "transaction", "").await;
}

/// A pooler that drops the options of a connection, and says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_work_behind_a_pooler_that_ignores_parameters() {
    let test = "relays_work_behind_a_pooler_that_ignores_parameters";
    works_behind(test, "transaction", "ignore_startup_parameters = options, extra_float_digits").await;
}

/// A service writes by its own pool, which must leave out a setting that no pooler knows.
#[tokio::test]
async fn a_service_writes_behind_a_pooler() {
    let test = "a_service_writes_behind_a_pooler";
    let Some(service) = Service::start(test).await else { return };
    let Some(pooler) = Pooler::start(test, &service.database.url, "session", "") else { return };
    let options: PgConnectOptions = pooler.url(&service.database.url).parse().unwrap();
    let pool = PgPool::connect_lazy_with(options.extra_float_digits(None));
    let mut transaction = wait::until("the pooler", || async { pool.begin().await.ok() }).await;
    service.publisher.publish_in(&mut transaction, numbered("k", 0)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(OutboxRepository::new(&service.database.pool).stats().await.unwrap().pending, 1);
}

//! What happens beside the delivery: upgrades, retention, announcements, and next to nothing while it is quiet.

use std::{borrow::Cow, process::Command, str::FromStr, time::Duration};

use marty_events::{
    CancellationToken, EventConfig, EventError, EventPublisher, OutboxRelay, OutboxRepository, outbox::OutboxTable,
};
use marty_events_tests::{
    process::{Watched, command_line},
    proxy::CountingProxy,
    wait,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, PgPool, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
    sqlite::SqlitePoolOptions,
};

use crate::{
    delivery::{histories, numbered},
    setup::{RunningRelay, Service},
};

async fn count(pool: &PgPool, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(pool).await.expect("a count")
}

/// The tables of the first version, under the name `old`, as that version's `migrate` made them.
fn first_version(text: &str) -> Migrator {
    let text = text
        .replace("event_outbox_dead_letters", "\"old_dead_letters\"")
        .replace("event_outbox_lanes", "\"old_lanes\"")
        .replace("event_outbox", "\"old\"");
    let text = AssertSqlSafe(text).into_sql_str();
    let first = Migration::new(1, Cow::Borrowed("outbox"), MigrationType::Simple, text, false);
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name("\"old_migrations\"");
    migrator
}

#[tokio::test]
async fn an_outbox_of_the_first_version_is_brought_up_to_date_with_its_backlog() {
    let test = "an_outbox_of_the_first_version_is_brought_up_to_date_with_its_backlog";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let first = first_version(include_str!("../../marty-events/migrations/postgres/0001_outbox.sql"));
    first.run(pool).await.expect("the first version");
    let mut transaction = pool.begin().await.unwrap();
    service.publisher.publish_all_in(&mut transaction, (0..3).map(|number| numbered("k", number))).await.unwrap();
    let columns = "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload";
    let moved = format!("INSERT INTO old ({columns}) SELECT {columns} FROM event_outbox ORDER BY seq");
    sqlx::query(AssertSqlSafe(moved)).execute(&mut *transaction).await.unwrap();
    sqlx::query("DELETE FROM event_outbox").execute(&mut *transaction).await.unwrap();
    sqlx::query("UPDATE old_lanes SET published = 7").execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();

    let config = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers(service.publisher.bootstrap_servers())
        .topic_prefix(&service.prefix)
        .outbox_table("old")
        .build()
        .unwrap();
    let publisher = marty_events::EventPublisher::new(&config).unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let error = publisher.publish_in(&mut transaction, numbered("k", 3)).await.unwrap_err();
    assert!(error.to_string().contains("of an earlier version; run `marty_events::outbox::migrate`"), "{error}");
    drop(transaction);

    let table = OutboxTable::parse("old").unwrap();
    marty_events::outbox::migrate_table(pool, &table).await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    publisher.publish_in(&mut transaction, numbered("k", 3)).await.unwrap();
    transaction.commit().await.unwrap();
    let relay = RunningRelay::start(OutboxRelay::builder(pool).config(config));
    assert_eq!(histories(&service.reader.events(4).await)["k"], [0, 1, 2, 3]);
    relay.stop().await;
    assert_eq!(OutboxRepository::new(pool).table(table).stats().await.unwrap().published, 11);
    // By which the relay of the first version took everything.
    assert_eq!(count(pool, "old_lanes WHERE lane = 0").await, 0);
}

#[tokio::test]
async fn an_outbox_of_the_first_version_in_sqlite_is_brought_up_to_date_with_its_backlog() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    let first = first_version(include_str!("../../marty-events/migrations/sqlite/0001_outbox.sql"));
    first.run(&pool).await.expect("the first version");
    marty_events::outbox::migrate(&pool).await.unwrap();
    let publisher = EventPublisher::new(&crate::setup::config("127.0.0.1:1", "old")).unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let ids = publisher.publish_all_in(&mut transaction, (0..3).map(|number| numbered("k", number))).await.unwrap();
    let columns = "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload";
    let moved = format!("INSERT INTO old ({columns}) SELECT {columns} FROM event_outbox ORDER BY seq");
    sqlx::query(AssertSqlSafe(moved)).execute(&mut *transaction).await.unwrap();
    sqlx::query("UPDATE old_lanes SET published = 7").execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();

    let table = OutboxTable::parse("old").unwrap();
    let outbox = OutboxRepository::new(&pool).table(table.clone());
    let error = outbox.validate().await.unwrap_err();
    assert!(matches!(error, EventError::OutboxTableMissing { .. }), "{error:?}");
    marty_events::outbox::migrate_table(&pool, &table).await.unwrap();
    outbox.validate().await.unwrap();
    let pending = outbox.pending(10).await.unwrap();
    assert_eq!(pending.iter().map(|event| event.event_id).collect::<Vec<_>>(), ids);
    assert_eq!(outbox.stats().await.unwrap().published, 7);
    let lanes: i64 =
        sqlx::query_scalar("SELECT count(*) FROM old_lanes WHERE lane > 0").fetch_one(&pool).await.unwrap();
    assert_eq!(lanes, 16);
}

#[tokio::test]
async fn a_relay_without_its_tables_or_rights_says_at_its_start_what_to_run() {
    let test = "a_relay_without_its_tables_or_rights_says_at_its_start_what_to_run";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let ended = async |pool: PgPool| {
        let relay = service.relay_in(&pool).build().unwrap().run(CancellationToken::new());
        wait::answer(wait::DEADLINE, "its end at its start", relay).await
    };
    let role = format!("limited_{}", uuid::Uuid::now_v7().simple());
    for statement in [
        format!("CREATE ROLE {role} LOGIN PASSWORD 'limited'"),
        // Enough to look at the tables, and too little to work on them.
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON event_outbox, event_outbox_dead_letters TO {role}"),
    ] {
        sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap();
    }
    let options = PgConnectOptions::from_str(&service.database.url).unwrap().username(&role).password("limited");
    let limited = PgPool::connect_with(options).await.unwrap();
    let error = ended(limited.clone()).await.unwrap_err();
    assert!(matches!(error, EventError::OutboxForbidden { .. }), "{error:?}");
    limited.close().await;

    sqlx::query("ALTER TABLE event_outbox DROP COLUMN xid").execute(pool).await.unwrap();
    let error = ended(pool.clone()).await.unwrap_err();
    assert!(matches!(error, EventError::OutboxTableMissing { .. }), "{error:?}");
    sqlx::query("DROP TABLE event_outbox_lanes").execute(pool).await.unwrap();
    let error = OutboxRepository::new(pool).validate().await.unwrap_err();
    assert!(error.to_string().contains("run `marty_events::outbox::migrate`"), "{error}");
    let drop_role = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    sqlx::raw_sql(AssertSqlSafe(drop_role)).execute(pool).await.unwrap();
}

#[tokio::test]
async fn delivered_events_are_kept_as_long_as_the_relay_is_told_to() {
    let Some(service) = Service::start("delivered_events_are_kept_as_long_as_the_relay_is_told_to").await else {
        return;
    };
    let pool = &service.database.pool;
    let relay = RunningRelay::start(service.relay().keep_published(Duration::from_hours(1)));
    let mut transaction = pool.begin().await.unwrap();
    let ids = service.publisher.publish_all_in(&mut transaction, (0..3).map(|n| numbered("k", n))).await.unwrap();
    transaction.commit().await.unwrap();
    wait::until("them to be kept", || async { (count(pool, "event_outbox_published").await == 3).then_some(()) }).await;
    relay.stop().await;
    assert_eq!(count(pool, "event_outbox").await, 0);
    let kept: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT event_id FROM event_outbox_published ORDER BY seq").fetch_all(pool).await.unwrap();
    assert_eq!(kept, ids);

    sqlx::query("UPDATE event_outbox_published SET published_at = now() - interval '2 hours' WHERE event_id <> $1")
        .bind(ids[2])
        .execute(pool)
        .await
        .unwrap();
    let relay = RunningRelay::start(service.relay().keep_published(Duration::from_hours(1)));
    wait::until("the old ones to go", || async { (count(pool, "event_outbox_published").await == 1).then_some(()) })
        .await;
    relay.stop().await;
}

#[tokio::test]
async fn dead_letters_can_be_emptied_and_go_when_they_are_old() {
    let Some(service) = Service::start("dead_letters_can_be_emptied_and_go_when_they_are_old").await else { return };
    let pool = &service.database.pool;
    let outbox = OutboxRepository::new(pool);
    let mut transaction = pool.begin().await.unwrap();
    let ids = service.publisher.publish_all_in(&mut transaction, (0..2).map(|n| numbered("k", n))).await.unwrap();
    transaction.commit().await.unwrap();
    let columns = "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";
    let moved = format!(
        "WITH moved AS (DELETE FROM event_outbox RETURNING *)
        INSERT INTO event_outbox_dead_letters ({columns}, reason) SELECT {columns}, 'refused' FROM moved"
    );
    sqlx::query(AssertSqlSafe(moved)).execute(pool).await.unwrap();

    assert_eq!(outbox.redact(&ids[..1]).await.unwrap(), 1);
    let dead = outbox.dead_letters(10).await.unwrap();
    assert_eq!((dead[0].event.event_id, dead[0].event.payload.len(), dead[0].event.headers.len()), (ids[0], 0, 0));
    assert!(!dead[1].event.payload.is_empty(), "the other one is as it was");
    assert_eq!(outbox.requeue(&ids).await.unwrap(), 1, "what was emptied can be delivered no more");
    assert_eq!(count(pool, "event_outbox").await, 1);
    assert_eq!(count(pool, "event_outbox_dead_letters").await, 1);

    sqlx::query("UPDATE event_outbox_dead_letters SET died_at = now() - interval '2 hours'")
        .execute(pool)
        .await
        .unwrap();
    let relay = RunningRelay::start(service.relay().keep_dead_letters(Duration::from_hours(1)));
    wait::until("it to go", || async { (count(pool, "event_outbox_dead_letters").await == 0).then_some(()) }).await;
    relay.stop().await;
}

/// A relay in a process of its own, in which no other test's events wake it, and what it asks of the database.
struct Alone {
    _relay: Watched,
    proxy: CountingProxy,
}

impl Alone {
    async fn start(service: &Service, arguments: &[&str]) -> Self {
        let options = PgConnectOptions::from_str(&service.database.url).expect("a URL");
        let proxy = CountingProxy::start(&options).await;
        let relay = Watched::start(
            Command::new(command_line())
                .arg("relay")
                .args(arguments)
                .env("DATABASE_URL", proxy.options(options).to_url_lossy().as_str())
                .env("SERVICE_NAME", "suite")
                .env("KAFKA_BROKERS", service.publisher.bootstrap_servers())
                .env("EVENT_TOPIC_PREFIX", &service.prefix),
        );
        wait::until("it to begin", || async { (0 < proxy.sent().executed).then_some(()) }).await;
        Self { _relay: relay, proxy }
    }

    async fn executed_in(&self, time: Duration) -> u64 {
        let before = self.proxy.sent();
        tokio::time::sleep(time).await;
        (self.proxy.sent() - before).executed
    }

    /// Until it asks no more than `most` in two seconds: what follows an event has to die down.
    async fn rests(&self, most: u64) {
        let begin = std::time::Instant::now();
        while most < self.executed_in(Duration::from_secs(2)).await {
            wait::assert_within(begin, wait::DEADLINE, "a relay at rest");
        }
    }
}

async fn write_one(service: &Service, number: usize) {
    let mut transaction = service.database.pool.begin().await.expect("a transaction");
    service.publisher.publish_in(&mut transaction, numbered("k", number)).await.expect("it is written");
    transaction.commit().await.expect("the commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_hears_of_the_events_of_other_processes() {
    let Some(service) = Service::start("a_relay_hears_of_the_events_of_other_processes").await else { return };
    // By itself it looks every 20 minutes.
    let relay = Alone::start(&service, &["--lease-time", "1h", "--idle-poll", "1h"]).await;
    for number in 0..2 {
        relay.rests(0).await;
        write_one(&service, number).await;
        service.reader.events(number + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_does_not_listen_finds_the_events_of_other_processes_by_looking() {
    let test = "a_relay_that_does_not_listen_finds_the_events_of_other_processes_by_looking";
    let Some(service) = Service::start(test).await else { return };
    let relay = Alone::start(&service, &["--no-listen"]).await;
    for number in 0..2 {
        relay.rests(3).await;
        write_one(&service, number).await;
        service.reader.events(number + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_relay_asks_at_most_one_query_a_second() {
    let Some(service) = Service::start("a_quiet_relay_asks_at_most_one_query_a_second").await else { return };
    let relay = Alone::start(&service, &[]).await;
    write_one(&service, 0).await;
    service.reader.events(1).await;
    relay.rests(3).await;
    let executed = relay.executed_in(Duration::from_secs(12)).await;
    assert!(0 < executed && executed <= 12, "{executed} statements in 12 seconds");
}

/// How many blocks of the outbox were looked at so far.
async fn blocks(pool: &PgPool) -> i64 {
    let sql = "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'event_outbox'";
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("the counts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_whatever_lies_dead_before_it() {
    let Some(service) = Service::start("a_page_costs_the_same_whatever_lies_dead_before_it").await else { return };
    let pool = &service.database.pool;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *reader).await.unwrap();
    sqlx::query("SELECT count(*) FROM event_outbox").execute(&mut *reader).await.unwrap();
    for part in 0..10 {
        let mut transaction = pool.begin().await.unwrap();
        let events = (0..5_000).map(|number| numbered("k", 5_000 * part + number));
        service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
    }
    sqlx::query("DELETE FROM event_outbox").execute(pool).await.unwrap();
    sqlx::query("ANALYZE event_outbox").execute(pool).await.unwrap();
    let sql = "SELECT relpages::bigint FROM pg_class WHERE relname = 'event_outbox'";
    let dead: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
    assert!(4_000 < dead, "{dead} blocks of dead rows");

    // A count of the outbox for the gauges reads all of it, and is no page.
    let uncounted = EventConfig::builder().service_name("suite").topic_prefix(&service.prefix).enable_metrics(false);
    let uncounted = uncounted.brokers(service.publisher.bootstrap_servers()).build().unwrap();
    let relay = RunningRelay::start(service.relay().config(uncounted));
    let deliver = async |count: usize| {
        let mut transaction = pool.begin().await.unwrap();
        service.publisher.publish_in(&mut transaction, numbered("k", count)).await.unwrap();
        transaction.commit().await.unwrap();
        service.reader.events(count).await;
    };
    let mut count = 0;
    let mut deliver_for = async |time: Duration| {
        let begin = std::time::Instant::now();
        while begin.elapsed() < time {
            count += 1;
            deliver(count).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        count
    };
    // A relay begins at the beginning, and a session reports what it did once a second.
    let begun = deliver_for(Duration::from_secs(3)).await;
    let before = blocks(pool).await;
    // Several pages, and several times that the relay says that it is alive.
    let events = deliver_for(Duration::from_secs(4)).await - begun;
    let looked_at = wait::until("the sessions' reports", || async {
        let now = blocks(pool).await;
        (before < now).then_some(now - before)
    })
    .await;
    assert!(looked_at < dead, "{looked_at} blocks for {events} events, beside {dead} of dead rows");
    relay.stop().await;
    drop(reader);
}

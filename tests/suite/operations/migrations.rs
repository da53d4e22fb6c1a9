//! An outbox of an earlier version, and one without its tables or rights: `migrate` brings it up to date, and the relay names the command
//! to run.

use std::{borrow::Cow, str::FromStr};

use marty_events::{CancellationToken, EventError, EventPublisher, OutboxRelay, OutboxRepository, outbox::OutboxTable};
use marty_events_tests::wait;
use sqlx::{
    AssertSqlSafe, PgPool, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
    sqlite::SqlitePoolOptions,
};

use crate::support::{
    events::{histories, numbered},
    service::{RunningRelay, Service, config, count},
};

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
    let first = first_version(include_str!("../../../marty-events/migrations/postgres/0001_outbox.sql"));
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

    let table: OutboxTable = "old".parse().unwrap();
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
    let first = first_version(include_str!("../../../marty-events/migrations/sqlite/0001_outbox.sql"));
    first.run(&pool).await.expect("the first version");
    marty_events::outbox::migrate(&pool).await.unwrap();
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "old")).unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let ids = publisher.publish_all_in(&mut transaction, (0..3).map(|number| numbered("k", number))).await.unwrap();
    let columns = "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload";
    let moved = format!("INSERT INTO old ({columns}) SELECT {columns} FROM event_outbox ORDER BY seq");
    sqlx::query(AssertSqlSafe(moved)).execute(&mut *transaction).await.unwrap();
    sqlx::query("UPDATE old_lanes SET published = 7").execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();

    let table: OutboxTable = "old".parse().unwrap();
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

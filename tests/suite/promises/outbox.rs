//! Events in the caller's transaction.

use std::time::Duration;

use marty_events::{
    AuditEvent, AuditEventType, DomainEvent, EventError, OutboxRepository,
    outbox::{OutboxTable, migrate, migrate_table},
};

use crate::support::service::Service;

fn created(id: u32) -> DomainEvent {
    DomainEvent::new("user", id, "user_created")
}

#[tokio::test]
async fn an_event_is_there_if_and_only_if_the_transaction_committed() {
    let Some(service) = Service::start("an_event_is_there_if_and_only_if_the_transaction_committed").await else {
        return;
    };
    let outbox = OutboxRepository::new(&service.database.pool);
    let mut kept = service.database.pool.begin().await.unwrap();
    let id = service.publisher.publish_in(&mut kept, created(1)).await.unwrap();
    assert_eq!(outbox.pending(10).await.unwrap(), [], "not visible before the commit");
    kept.commit().await.unwrap();
    let mut undone = service.database.pool.begin().await.unwrap();
    service.publisher.publish_in(&mut undone, created(2)).await.unwrap();
    undone.rollback().await.unwrap();

    let pending = outbox.pending(10).await.unwrap();
    assert_eq!(pending.iter().map(|event| event.event_id).collect::<Vec<_>>(), [id]);
    assert_eq!(pending[0].topic, format!("{}.suite.user.user_created", service.prefix));
    assert_eq!(pending[0].key.as_deref(), Some("1"));
    assert_eq!(pending[0].ordering_key.as_deref(), Some("user/1"));
}

#[tokio::test]
async fn many_events_are_written_in_their_order_by_one_statement() {
    let Some(service) = Service::start("many_events_are_written_in_their_order_by_one_statement").await else { return };
    let outbox = OutboxRepository::new(&service.database.pool);
    let mut transaction = service.database.pool.begin().await.unwrap();
    let ids = service.publisher.publish_all_in(&mut transaction, (0..500).map(created)).await.unwrap();
    transaction.commit().await.unwrap();
    let pending = outbox.pending(1000).await.unwrap();
    assert_eq!(pending.iter().map(|event| event.event_id).collect::<Vec<_>>(), ids);
    // One transaction, one statement: all rows have one transaction id and one command id.
    let (statements,): (i64,) = sqlx::query_as("SELECT count(DISTINCT (xmin::text, cmin::text)) FROM event_outbox")
        .fetch_one(&service.database.pool)
        .await
        .unwrap();
    assert_eq!(statements, 1);
}

#[tokio::test]
async fn a_missing_table_says_what_to_run() {
    let Some(service) = Service::start("a_missing_table_says_what_to_run").await else { return };
    sqlx::query("DROP TABLE event_outbox").execute(&service.database.pool).await.unwrap();
    let mut transaction = service.database.pool.begin().await.unwrap();
    let error = service.publisher.publish_in(&mut transaction, created(1)).await.unwrap_err();
    assert!(matches!(error, EventError::OutboxTableMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("marty_events::outbox::migrate"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_read_only_database_refuses_and_says_so() {
    let Some(service) = Service::start("a_read_only_database_refuses_and_says_so").await else { return };
    let mut transaction = service.database.pool.begin().await.unwrap();
    sqlx::query("SET TRANSACTION READ ONLY").execute(&mut *transaction).await.unwrap();
    let error = service.publisher.publish_in(&mut transaction, created(1)).await.unwrap_err();
    assert!(matches!(error, EventError::Outbox { operation: "write the event", .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("read-only transaction"), "{cause}");
}

#[tokio::test]
async fn an_event_too_large_for_the_producer_is_refused_before_it_is_written() {
    let Some(service) = Service::start("an_event_too_large_for_the_producer_is_refused_before_it_is_written").await
    else {
        return;
    };
    let mut transaction = service.database.pool.begin().await.unwrap();
    let large = created(1).data(&"x".repeat(1_000_001));
    let error = service.publisher.publish_in(&mut transaction, large).await.unwrap_err();
    assert!(matches!(error, EventError::TooLarge { limit: 1_000_000, .. }), "{error:?}");
    assert!(error.to_string().len() < 600, "the payload is not in the message");
    service.publisher.publish_in(&mut transaction, created(2)).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn an_id_that_the_database_cannot_keep_is_refused_and_the_transaction_goes_on() {
    let Some(service) =
        Service::start("an_id_that_the_database_cannot_keep_is_refused_and_the_transaction_goes_on").await
    else {
        return;
    };
    let mut transaction = service.database.pool.begin().await.unwrap();
    let event = DomainEvent::new("user", "u\0", "user_created");
    let error = service.publisher.publish_in(&mut transaction, event).await.unwrap_err();
    assert!(matches!(error, EventError::InvalidEvent { .. }), "{error:?}");
    service.publisher.publish_in(&mut transaction, created(1)).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_connection_outside_a_transaction_is_refused_before_anything_is_written() {
    let test = "a_connection_outside_a_transaction_is_refused_before_anything_is_written";
    let Some(service) = Service::start(test).await else { return };
    let outbox = OutboxRepository::new(&service.database.pool);
    let mut connection = service.database.pool.acquire().await.unwrap();
    let error = service.publisher.publish_in(&mut *connection, created(1)).await.unwrap_err();
    assert!(matches!(error, EventError::NotInTransaction), "{error:?}");
    assert_eq!(outbox.pending(1).await.unwrap(), []);
    // Begun by hand, so that sqlx does not know of it; the server does.
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
    service.publisher.publish_in(&mut *connection, created(2)).await.unwrap();
    assert_eq!(outbox.pending(1).await.unwrap(), []);
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await.unwrap();
    assert_eq!(outbox.pending(2).await.unwrap().len(), 1);
}

#[tokio::test]
async fn sqlite_refuses_a_connection_outside_a_transaction_too() {
    let folder = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("db")).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    migrate(&pool).await.unwrap();
    let config = marty_events::EventConfig::builder().service_name("suite").brokers("127.0.0.1:1").build().unwrap();
    let publisher = marty_events::EventPublisher::new(&config).unwrap();
    let outbox = OutboxRepository::new(&pool);
    let mut connection = pool.acquire().await.unwrap();
    let error = publisher.publish_in(&mut *connection, created(1)).await.unwrap_err();
    assert!(matches!(error, EventError::NotInTransaction), "{error:?}");
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
    publisher.publish_in(&mut *connection, created(2)).await.unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    publisher.publish_in(&mut transaction, created(3)).await.unwrap();
    transaction.rollback().await.unwrap();
    let keys: Vec<_> = outbox.pending(9).await.unwrap().into_iter().filter_map(|event| event.key).collect();
    assert_eq!(keys, ["2"]);
}

#[tokio::test]
async fn an_empty_id_is_refused() {
    let Some(service) = Service::start("an_empty_id_is_refused").await else { return };
    let mut transaction = service.database.pool.begin().await.unwrap();
    let nameless = AuditEvent::new(AuditEventType::DataDeleted, "delete", "user").resource_id("");
    let error = service.publisher.publish_in(&mut transaction, nameless).await.unwrap_err();
    assert!(matches!(error, EventError::InvalidEvent { .. }), "{error:?}");
}

#[tokio::test]
async fn migrating_is_repeatable_concurrent_and_beside_the_users_own() {
    let Some(service) = Service::start("migrating_is_repeatable_concurrent_and_beside_the_users_own").await else {
        return;
    };
    let pool = &service.database.pool;
    sqlx::query("CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY)").execute(pool).await.unwrap();
    sqlx::query("CREATE SCHEMA ledger").execute(pool).await.unwrap();
    let table: OutboxTable = "ledger.Events".parse().unwrap();
    let (one, other, third) = tokio::join!(migrate_table(pool, &table), migrate_table(pool, &table), migrate(pool));
    one.and(other).and(third).unwrap();
    migrate_table(pool, &table).await.unwrap();
    let stats = OutboxRepository::new(pool).table(table).stats().await.unwrap();
    assert_eq!((stats.pending, stats.dead, stats.published), (0, 0, 0));
}

#[tokio::test]
async fn dead_letters_are_requeued_discarded_and_cleaned_up() {
    let Some(service) = Service::start("dead_letters_are_requeued_discarded_and_cleaned_up").await else { return };
    let pool = &service.database.pool;
    let outbox = OutboxRepository::new(pool);
    let mut transaction = pool.begin().await.unwrap();
    let ids = service.publisher.publish_all_in(&mut transaction, (0..3).map(created)).await.unwrap();
    transaction.commit().await.unwrap();
    sqlx::query(
        "WITH moved AS (DELETE FROM event_outbox RETURNING *)
         INSERT INTO event_outbox_dead_letters (event_id, seq, event_type, topic, record_key, ordering_key, key_hash,
             headers, payload, encoding, created_at, attempts, reason)
         SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
             created_at, 5, 'refused' FROM moved",
    )
    .execute(pool)
    .await
    .unwrap();

    assert_eq!(outbox.stats().await.unwrap().dead, 3);
    assert_eq!(outbox.requeue(&ids[..1]).await.unwrap(), 1);
    assert_eq!(outbox.discard(&ids[1..2]).await.unwrap(), 1);
    let pending = outbox.pending(10).await.unwrap();
    assert_eq!((pending[0].event_id, pending[0].attempts), (ids[0], 0), "the id stays, the attempts begin anew");
    let dead = outbox.dead_letters(10).await.unwrap();
    assert_eq!((dead[0].event.event_id, dead[0].reason.as_str(), dead[0].event.attempts), (ids[2], "refused", 5));
    assert_eq!(outbox.cleanup(Duration::from_hours(1)).await.unwrap(), 0, "too young");
    assert_eq!(outbox.cleanup(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(outbox.stats().await.unwrap().dead, 0);
}

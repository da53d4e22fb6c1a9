//! `cleanup`, and commands on every database.

use marty_events::{DomainEvent, EventPublisher, OutboxRepository};
use marty_events_tests::{database::TestDatabase, mariadb::MariaDatabase};
use serde_json::json;

use crate::support::operator::{Operator, bury, check, created, write};
use crate::support::service::config;

#[tokio::test(flavor = "multi_thread")]
async fn old_dead_letters_and_delivered_events_are_deleted_in_steps() {
    let test = "old_dead_letters_and_delivered_events_are_deleted_in_steps";
    let Some(database) = TestDatabase::create(test).await else { return };
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    write(&database, &publisher, ["u-1", "u-2", "u-3"].map(created)).await;
    let keep = "INSERT INTO event_outbox_published SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash,
        headers, payload, encoding, created_at, attempts, now() - interval '2 hours' FROM event_outbox";
    sqlx::query(keep).execute(&database.pool).await.unwrap();
    bury(&database, "no room").await;
    let operator = Operator::of_database(&database);
    let young = operator.json(&["cleanup", "--dead-letters", "1h", "--published", "3h"]);
    assert_eq!(young, [json!({"dead_letters": 0, "published": 0, "interrupted": false})]);
    let old = operator.text(&["cleanup", "--dead-letters", "0s", "--published", "1h", "--batch-size", "2"]);
    assert_eq!(old, "deleted 3 dead letters\ndeleted 3 delivered events\n");
    let none = operator.json(&["cleanup", "--published", "0s"]);
    assert_eq!(none, [json!({"dead_letters": null, "published": 0, "interrupted": false})]);
    assert_eq!(operator.run(&["cleanup"]).code, 2, "what to clean up must be said");
}

fn commands_work(operator: &Operator) {
    let status = operator.json(&["status"]).remove(0);
    assert_eq!((&status["pending"], &status["dead"]), (&json!(2), &json!(0)));
    let seen = operator.json(&["tail", "--outbox", "--no-follow", "--key", "u-2"]);
    assert_eq!((seen.len(), &seen[0]["event_type"]), (1, &json!("user_created")));
    assert_eq!(operator.json(&["dead-letters", "list"]), Vec::<serde_json::Value>::new());
    assert_eq!(operator.text(&["dead-letters", "requeue", "--all"]), "requeued 0 of 0\n");
    assert_eq!(operator.text(&["cleanup", "--dead-letters", "1h"]), "deleted 0 dead letters\n");
    let report = operator.run(&["doctor", "--json", "--timeout", "1s", "--max-age", "1h"]);
    for name in ["database", "tables", "privileges", "clock", "backlog"] {
        let found = check(&report, name);
        assert_eq!(found["state"], "ok", "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_know_mariadb() {
    let Some(database) = MariaDatabase::create("the_commands_know_mariadb").await else { return };
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    let mut transaction = database.pool.begin().await.unwrap();
    publisher.publish_all_in(&mut transaction, ["u-1", "u-2"].map(created)).await.unwrap();
    transaction.commit().await.unwrap();
    commands_work(&Operator::new([
        ("DATABASE_URL", database.url.clone()),
        ("KAFKA_BROKERS", "127.0.0.1:1".to_owned()),
    ]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_know_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("outbox.db").display());
    let operator = Operator::new([("DATABASE_URL", url.clone()), ("KAFKA_BROKERS", "127.0.0.1:1".to_owned())]);
    operator.text(&["migrate"]);
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let events: [DomainEvent; 2] = ["u-1", "u-2"].map(created);
    publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(OutboxRepository::new(&pool).stats().await.unwrap().pending, 2);
    commands_work(&operator);
}

//! `tail`.

use marty_events::{AuditEvent, AuditEventType};
use marty_events_tests::{process::Watched, wait};
use serde_json::json;

use crate::support::operator::{Operator, created, read, steady, write};
use crate::support::service::Service;

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_followed_without_what_is_in_the_events() {
    let Some(service) = Service::start("topics_are_followed_without_what_is_in_the_events").await else { return };
    let audit = AuditEvent::new(AuditEventType::DataCreated, "create_user", "user").resource_id("u-1");
    service.publisher.publish(created("u-1")).await.unwrap();
    service.publisher.publish(created("u-2")).await.unwrap();
    service.publisher.publish(audit).await.unwrap();
    let operator = Operator::of(&service);
    let topic = format!("{}.suite.user.user_created", service.prefix);

    let all = operator.json(&["tail", "--no-follow"]);
    assert_eq!(all.len(), 3, "all the topics of the prefix: {all:?}");
    let first = steady(&operator.text(&["tail", &topic, "--no-follow", "--key", "u-1"]));
    insta::assert_snapshot!(first, @"[time] user_created u-1 [id] {email, plan} [size] [prefix].suite.user.user_created");
    let seen = operator.json(&["tail", &format!("^{}\\.audit", service.prefix), "--no-follow"]).remove(0);
    assert_eq!(
        (&seen["event_type"], &seen["key"], &seen["offset"]),
        (&json!("data.created"), &json!("u-1"), &json!(0))
    );
    assert!(seen.get("payload").is_none() && seen["partition"].is_number(), "{seen}");
    let whole = operator.text(&["tail", "--no-follow", "--type", "user_created", "--payload", "--limit", "1"]);
    assert!(whole.lines().count() == 2 && whole.contains("hunter2@example.com"), "{whole}");
    let nobody = Operator::of(&service).with("EVENT_TOPIC_PREFIX", "nobody-writes-here").run(&["tail", "--no-follow"]);
    assert_eq!(nobody.complaint, "there is no such topic yet; `marty-events doctor` checks EVENT_TOPIC_PREFIX\n");
    let none = operator.run(&["tail", "no.such.topic", "--no-follow"]);
    assert_eq!((none.code, none.text.as_str()), (0, ""));
    assert!(none.complaint.contains("there is no topic no.such.topic yet"), "{}", none.complaint);

    // From the end on, also in topics that are new.
    let tail = Watched::start(&mut operator.command(&["tail", "--from", "end", "--limit", "1", "--json"]));
    let lines = wait::until("the first event behind the end", || async {
        let other = marty_events::DomainEvent::new("user", "u-9", "user_moved");
        service.publisher.publish(other).await.ok()?;
        tail.line(std::time::Duration::from_millis(100))
    })
    .await;
    assert_eq!(read(&lines)["event_type"], "user_moved");
    assert_eq!(tail.last_lines(), [""; 0], "it ends after one");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_followed() {
    let Some(service) = Service::start("the_outbox_is_followed").await else { return };
    let operator = Operator::of(&service);
    write(&service.database, &service.publisher, [created("u-1")]).await;
    let seen = steady(&operator.text(&["tail", "--outbox", "--no-follow"]));
    insta::assert_snapshot!(seen, @"[time] user_created u-1 [id] {email, plan} [size] [prefix].suite.user.user_created");
    let tail = Watched::start(&mut operator.command(&["tail", "--outbox", "--from", "beginning", "--json"]));
    assert_eq!(read(&tail.line(wait::DEADLINE).unwrap())["seq"], 1);
    write(&service.database, &service.publisher, [created("u-2")]).await;
    assert_eq!(read(&tail.line(wait::DEADLINE).unwrap())["key"], "u-2");
    tail.signal("INT");
    assert_eq!(tail.last_lines(), [""; 0], "it ends when it is asked to");
}

#[test]
fn a_broker_that_is_away_is_told_of() {
    let operator = Operator::new([("KAFKA_BROKERS", "127.0.0.1:1".to_owned())]);
    let away = operator.run(&["tail"]);
    assert_eq!(away.code, 1);
    assert!(away.complaint.contains("no broker can be reached"), "{}", away.complaint);
    assert!(away.complaint.contains("check the addresses in KAFKA_BROKERS"), "{}", away.complaint);
}

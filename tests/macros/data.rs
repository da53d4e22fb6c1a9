//! The published arguments: those that are named, and nothing else.

use std::{cell::RefCell, sync::Mutex};

use marty_events::{AuditEventType, audit_event, domain_event, testing::EventRecorder};
use serde::Serialize;
use serde_json::json;

/// Not `Clone`: data is taken by reference, before the body moves it.
#[derive(Debug, Serialize)]
struct NewUser {
    email: String,
    password: String,
}

#[domain_event(
    aggregate_type = "user",
    event_type = "signed_up",
    aggregate_id_field = "id",
    data(email = new_user.email, plan, length = new_user.email.len(), total = result.len(), r#type = 1)
)]
async fn sign_up(id: u64, new_user: NewUser, plan: Option<&str>) -> String {
    let NewUser { mut email, password } = new_user;
    drop(password);
    email.push('!');
    email
}

#[audit_event(
    event_type = AuditEventType::DataExported,
    action = "export",
    resource_type = "report",
    resource_id_field = "id",
    data = rows,
    priority = "high",
    risk_level = "critical",
    compliance_tags("gdpr", "iso-27001")
)]
async fn export(id: u64, rows: Vec<u8>) -> usize {
    rows.len()
}

#[domain_event(
    aggregate_type = "user",
    event_type = "left",
    aggregate_id_field = "id",
    event_version = 3,
    ordering = "none"
)]
async fn leave(id: u64, secret: &str) {
    let _ = secret;
}

#[domain_event(aggregate_type = "user", event_type = "counted", aggregate_id_field = "id", data = result)]
async fn count(id: u64) -> Result<Vec<u8>, std::convert::Infallible> {
    Ok(vec![1, 2])
}

#[tokio::test]
async fn data_is_what_was_named_as_it_was_before_the_body() {
    let recorder = EventRecorder::new();
    let new_user = NewUser { email: "a@b".to_owned(), password: "hunter2".to_owned() };
    recorder
        .scope(async {
            assert_eq!(sign_up(1, new_user, Some("pro")).await, "a@b!");
            assert_eq!(export(2, vec![7, 8]).await, 2);
            leave(3, "hunter2").await;
            count(4).await.unwrap();
        })
        .await;
    let events = recorder.events();
    assert_eq!(
        events[0].payload["event_data"],
        json!({"email": "a@b", "plan": "pro", "length": 3, "total": 4, "type": 1})
    );
    assert_eq!(events[1].payload["operation_details"], json!([7, 8]));
    assert_eq!(events[1].payload["risk_level"], "critical");
    assert_eq!(events[1].payload["compliance_tags"], json!(["gdpr", "iso-27001"]));
    assert_eq!(events[1].metadata.priority, marty_events::EventPriority::High);
    assert_eq!(events[2].payload["event_data"], json!({}));
    assert_eq!(events[2].payload["event_version"], 3);
    assert_eq!(events[3].payload["event_data"], json!([1, 2]));
    assert!(!format!("{events:?}").contains("hunter2"), "nothing is published that was not named");
}

struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[domain_event(
    aggregate_type = "user",
    event_type = "odd",
    aggregate_id_field = "id",
    data(what),
    on_publish_error = "fail"
)]
async fn odd(id: u64, what: Unwritable) -> Result<(), crate::support::Failure> {
    crate::support::consume(what);
    Ok(())
}

#[tokio::test]
async fn data_that_cannot_be_written_is_the_events_error() {
    let recorder = EventRecorder::new();
    let error = recorder.scope(odd(1, Unwritable)).await.unwrap_err();
    assert_eq!(error.to_string(), "`what` cannot be written as JSON");
    recorder.assert_not_published("odd");
}

/// A lock of an expression is free before the next one, within an event and from event to event.
#[domain_event(
    aggregate_type = "a",
    event_type = "locked",
    aggregate_id_field = "key",
    data(first = *id.try_lock().expect("free"), free = id.try_lock().is_ok(), drained = list.drain(..1).len(), left = list.len())
)]
#[audit_event(
    event_type = AuditEventType::DataAccessed,
    action = "lock",
    resource_type = "a",
    resource_id_field = none,
    data(free = id.try_lock().is_ok(), left = list.len())
)]
async fn locked(key: u8, id: &Mutex<u8>, list: &mut Vec<u8>) {
    let _ = (id, list);
}

/// The same of the result.
#[domain_event(
    aggregate_type = "a",
    event_type = "borrowed",
    aggregate_id_field = "result.borrow().len()",
    data(free = list.drain(..1).len(), left = list.len(), text = result.borrow_mut().clone(), more = result.borrow_mut().len())
)]
async fn borrowed(list: &mut Vec<u8>) -> RefCell<String> {
    let _ = list;
    RefCell::new("text".to_owned())
}

#[tokio::test]
async fn what_an_expression_locks_is_free_before_the_next_one() {
    let recorder = EventRecorder::new();
    let (id, mut list) = (Mutex::new(7), vec![1, 2, 3]);
    recorder
        .scope(async {
            locked(1, &id, &mut list).await;
            borrowed(&mut list).await;
        })
        .await;
    let data = recorder.events().into_iter().map(|event| {
        let of_audit = event.payload.get("operation_details").cloned();
        of_audit.unwrap_or_else(|| event.payload["event_data"].clone())
    });
    let mut data: Vec<_> = data.collect();
    data.sort_by_key(|data| data.as_object().map_or(0, serde_json::Map::len));
    assert_eq!(data[0], json!({"free": true, "left": 2}));
    let expected = [
        json!({"first": 7, "free": true, "drained": 1, "left": 2}),
        json!({"free": 1, "left": 1, "text": "text", "more": 4}),
    ];
    assert_eq!(data[1..], expected);
}

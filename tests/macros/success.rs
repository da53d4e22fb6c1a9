//! `success = ..`: a value that is not a `Result` may say that the call failed.

use futures_util::FutureExt;
use marty_events::{
    AuditEventType, NotificationEventType, audit_event, custom_event, domain_event, notification_event,
    testing::{EventRecorder, Route},
};
use serde_json::json;

use crate::support::{Failure, Tx, is_send, transaction};

struct Response {
    status: u16,
}

impl Response {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

#[audit_event(
    event_type = AuditEventType::DataAccessed,
    action = "read",
    resource_type = "file",
    resource_id_field = "id",
    success = result.is_success(),
    data(id, status = result.status),
    error = format!("status {}", result.status),
    error_code = result.status,
    on = "both"
)]
#[domain_event(aggregate_type = "file", event_type = "opened", aggregate_id_field = "id", success = result.status == 200)]
#[custom_event(topic = "files", event_type = "asked", key_field = "id")]
#[notification_event(event_type = NotificationEventType::SystemAlert, recipient_type = "user", recipient_id_field = "id",
                     subject = "s", message = "m", success = result.is_success() && important)]
async fn read(id: u8, status: u16, important: bool) -> Response {
    Response { status }
}

#[tokio::test]
async fn what_an_attribute_calls_no_success_is_a_failure_of_its_event() {
    let recorder = EventRecorder::new();
    recorder
        .scope(async {
            is_send(read(1, 200, true)).await;
            read(2, 403, true).await;
            read(3, 204, false).await;
        })
        .await;
    let seen = |event_type: &str| -> Vec<_> {
        let events = recorder.events().into_iter().filter(|event| event.event_type == event_type);
        events.map(|event| event.key.unwrap()).collect()
    };
    assert_eq!(seen("opened"), ["1"]);
    assert_eq!(seen("asked"), ["1", "2", "3"]);
    assert_eq!(seen("system.alert"), ["1"]);
    let audits = recorder.events().into_iter().filter(|event| event.event_type == "data.accessed");
    let audits: Vec<_> = audits
        .map(|event| {
            let payload = event.payload;
            assert_eq!(payload["success"], payload["outcome"] == "success");
            json!([payload["outcome"], payload["error_message"], payload["error_code"], payload["operation_details"]])
        })
        .collect();
    assert_eq!(
        audits,
        [
            json!(["success", null, null, {"id": 1, "status": 200}]),
            json!(["failure", "status 403", "403", {"id": 2, "status": 403}]),
            json!(["success", null, null, {"id": 3, "status": 204}]),
        ]
    );
}

#[audit_event(
    event_type = AuditEventType::DataAccessed,
    action = "find",
    resource_type = "file",
    resource_id_field = "id",
    success = result.is_some(),
    data(reason = error.to_string(), found = result),
    on = "failure"
)]
#[domain_event(aggregate_type = "file", event_type = "found", aggregate_id_field = "id", success = result.is_some(), on = "both")]
async fn find(id: u8, tx: &mut Tx<'_>) -> Result<Option<u8>, Failure> {
    let _ = tx;
    match id {
        0 => Err(Failure::Refused),
        1 => panic!("as it was told"),
        2 => Ok(None),
        more => Ok(Some(more)),
    }
}

#[tokio::test]
async fn the_value_in_ok_is_asked_and_an_err_is_a_failure_anyway() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            is_send(find(0, &mut tx)).await.unwrap_err();
            std::panic::AssertUnwindSafe(find(1, &mut tx)).catch_unwind().await.unwrap_err();
            assert_eq!(find(2, &mut tx).await.unwrap(), None);
            assert_eq!(find(3, &mut tx).await.unwrap(), Some(3));
        })
        .await;
    recorder.assert_published("found").key("3").route(Route::Outbox).times(1);
    let failed: Vec<_> = recorder
        .events()
        .into_iter()
        .filter(|event| event.event_type == "data.accessed")
        .map(|event| {
            json!([
                event.key,
                event.payload["outcome"],
                event.payload["error_message"],
                event.payload["operation_details"]
            ])
        })
        .collect();
    assert_eq!(
        failed,
        [
            json!(["0", "failure", "refused", {"reason": "refused", "found": null}]),
            json!(["1", "panicked", null, {"reason": null, "found": null}]),
            json!(["2", "failure", null, {"reason": null, "found": null}]),
        ]
    );
    let found_failed: Vec<_> = recorder
        .events()
        .into_iter()
        .filter(|event| event.event_type == "found_failed")
        .filter_map(|event| event.key)
        .collect();
    assert_eq!(found_failed, ["0", "1", "2"]);
}

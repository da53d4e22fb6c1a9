//! The records of calls that failed, panicked or were dropped half-way.

use std::future::{Future, pending};

use futures_util::FutureExt;
use marty_events::{
    AuditEventType, audit_event, custom_event, domain_event,
    testing::{EventRecorder, Route},
};
use serde_json::{Value, json};

use crate::support::{Failure, Tx, transaction};

#[audit_event(
    event_type = AuditEventType::DataDeleted,
    action = "delete",
    resource_type = "user",
    resource_id_field = "id",
    data(id, reason = error.to_string(), deleted = result),
    error_code = error.code(),
    on = "both"
)]
async fn delete(id: u8, way: &str) -> Result<u64, Failure> {
    match way {
        "fail" => Err(Failure::Refused)?,
        "panic" => panic!("as it was told"),
        "hang" => pending().await,
        _ => Ok(7),
    }
}

fn details(recorder: &EventRecorder) -> Vec<(Value, Value, Value, Value)> {
    let take = |payload: &Value, name: &str| payload[name].clone();
    let of = |event: marty_events::testing::RecordedEvent| {
        let payload = event.payload;
        assert_eq!(payload["success"], payload["outcome"] == "success");
        (
            take(&payload, "outcome"),
            take(&payload, "error_message"),
            take(&payload, "error_code"),
            take(&payload, "operation_details"),
        )
    };
    recorder.events().into_iter().map(of).collect()
}

#[tokio::test]
async fn every_outcome_is_recorded_once() {
    let recorder = EventRecorder::new();
    recorder
        .scope(async {
            assert_eq!(delete(1, "succeed").await.unwrap(), 7);
            delete(2, "fail").await.unwrap_err();
            std::panic::AssertUnwindSafe(delete(3, "panic")).catch_unwind().await.unwrap_err();
            assert!(delete(4, "hang").now_or_never().is_none());
            drop(delete(5, "never polled"));
        })
        .await;
    assert_eq!(
        details(&recorder),
        [
            (json!("success"), json!(null), json!(null), json!({"id": 1, "reason": null, "deleted": 7})),
            (
                json!("failure"),
                json!("refused"),
                json!("E_REFUSED"),
                json!({"id": 2, "reason": "refused", "deleted": null})
            ),
            (json!("panicked"), json!(null), json!(null), json!({"id": 3, "reason": null, "deleted": null})),
            (json!("cancelled"), json!(null), json!(null), json!({"id": 4, "reason": null, "deleted": null})),
        ]
    );
}

#[tokio::test]
async fn a_future_that_another_ones_panic_drops_is_cancelled() {
    let recorder = EventRecorder::new();
    recorder
        .scope(async {
            let both = async {
                let mut hanging = Box::pin(delete(1, "hang"));
                assert!(futures_util::poll!(&mut hanging).is_pending());
                panic!("of another");
            };
            std::panic::AssertUnwindSafe(both).catch_unwind().await.unwrap_err();
        })
        .await;
    assert_eq!(recorder.events()[0].payload["outcome"], "cancelled");
}

#[tokio::test]
async fn a_future_that_is_dropped_outside_any_runtime_is_recorded() {
    let recorder = EventRecorder::new();
    let scope = recorder.clone();
    let mut future = Box::pin(async move { scope.scope(delete(1, "hang")).await });
    assert!(futures_util::poll!(&mut future).is_pending());
    std::thread::spawn(move || drop(future)).join().unwrap();
    assert_eq!(recorder.events()[0].payload["outcome"], "cancelled");
}

#[domain_event(
    aggregate_type = "user",
    event_type = "renamed",
    aggregate_id_field = "id",
    data(name),
    on = "failure",
    error = "omit"
)]
#[custom_event(topic = "names", event_type = "tried", key_field = "id", data = name, on = "both", error = error.code())]
async fn rename(id: u8, name: String, tx: &mut Tx<'_>) -> Result<(), Failure> {
    let _ = tx;
    if name.into_bytes().is_empty() { Err(Failure::Refused) } else { Ok(()) }
}

#[tokio::test]
async fn a_failure_takes_a_road_of_its_own() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            rename(1, "Ada".to_owned(), &mut tx).await.unwrap();
            rename(2, String::new(), &mut tx).await.unwrap_err();
        })
        .await;
    recorder.assert_not_published("renamed");
    recorder.assert_published("tried").key("1").route(Route::Outbox).topic("marty.names").times(1);
    recorder.assert_published("tried").key("2").route(Route::Direct).times(1);
    let failed = recorder.assert_published("renamed_failed").key("2").route(Route::Direct);
    failed.topic("marty.test-service.user.renamed_failed");
    let renamed = recorder.events().into_iter().find(|event| event.event_type == "renamed_failed").unwrap();
    assert_eq!(renamed.payload["event_data"], json!({"name": "", "outcome": "failure", "error_message": null}));
}

#[audit_event(
    event_type = AuditEventType::DataUpdated,
    action = "move",
    resource_type = "account",
    resource_id_field = "account.id",
    previous_state = account.balance,
    new_state = account.balance,
    data(moved = result - amount, note),
    on = "both"
)]
async fn credit(account: &mut Account, amount: i64, note: String) -> Result<i64, Failure> {
    let _ = note.into_bytes();
    let moved = account;
    moved.balance += amount;
    if moved.balance < 0 { Err(Failure::Refused) } else { Ok(moved.balance) }
}

struct Account {
    id: u8,
    balance: i64,
}

impl Account {
    #[audit_event(
        event_type = AuditEventType::DataUpdated,
        action = "close",
        resource_type = "account",
        resource_id_field = "self.id",
        previous_state = self.balance,
        new_state = (self.balance, result)
    )]
    async fn close(&mut self, note: String) -> usize {
        self.balance = 0;
        note.into_bytes().len()
    }

    /// Nothing names the result, and no failure is recorded.
    #[audit_event(
        event_type = AuditEventType::DataUpdated,
        action = "open",
        resource_type = "account",
        resource_id_field = "self.id",
        previous_state = self.balance,
        new_state = self.balance,
        data(balance = self.balance)
    )]
    async fn open(&mut self) {
        self.balance = 9;
    }
}

#[tokio::test]
async fn states_are_taken_before_and_after() {
    let recorder = EventRecorder::new();
    let mut account = Account { id: 1, balance: 5 };
    recorder
        .scope(async {
            assert_eq!(crate::support::is_send(credit(&mut account, 2, "n".to_owned())).await.unwrap(), 7);
            assert_eq!(crate::support::is_send(account.close("note".to_owned())).await, 4);
            credit(&mut account, -1, String::new()).await.unwrap_err();
            account.balance = 3;
            crate::support::is_send(account.open()).await;
        })
        .await;
    let states: Vec<_> = recorder
        .events()
        .into_iter()
        .map(|event| (event.payload["previous_state"].clone(), event.payload["new_state"].clone()))
        .collect();
    let failed = (json!(0), json!(null));
    assert_eq!(states, [(json!(5), json!(7)), (json!(7), json!([0, 4])), failed, (json!(3), json!(9))]);
    assert_eq!(recorder.events()[3].payload["operation_details"], json!({"balance": 3}));
    assert_eq!(recorder.events()[0].payload["operation_details"], json!({"moved": 5, "note": "n"}));
}

#[audit_event(
    event_type = AuditEventType::ServiceError,
    action = "drain",
    resource_type = "queue",
    resource_id_field = none,
    on = "failure"
)]
fn drain() -> impl Future<Output = Result<(), Failure>> + Send {
    let failure = Failure::Refused;
    async { Err(failure) }
}

#[tokio::test]
async fn what_records_only_failures_needs_no_road_for_success() {
    let recorder = EventRecorder::new();
    recorder.scope(drain()).await.unwrap_err();
    recorder.assert_published("service.error").payload("/outcome", "failure").payload("/error_message", "refused");
}

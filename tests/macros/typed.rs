//! An event in first place: `#[domain_event(CertificateRevoked { .. })]`.

use std::fmt;

use marty_events::{
    CustomEvent, DomainEvent, EventError, EventOrdering, custom_event, domain_event,
    testing::{EventRecorder, Route},
};
use serde::{Deserialize, Serialize};

use crate::support::{Tx, transaction};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Serial(String);

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(service = "certificates", aggregate_type = "certificate", event_type = "revoked", event_version = 2, from = RevokedV1)]
struct Revoked {
    #[event(id)]
    serial: Serial,
    reason: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(aggregate_type = "certificate", event_type = "revoked")]
struct RevokedV1 {
    #[event(id)]
    serial: Serial,
}

impl From<RevokedV1> for Revoked {
    fn from(old: RevokedV1) -> Self {
        Self { serial: old.serial, reason: "unspecified".to_owned() }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, CustomEvent)]
#[event(topic = "billing.ledger", event_type = "entry_posted")]
struct EntryPosted<'a> {
    #[event(id)]
    account: &'a str,
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, DomainEvent)]
#[event(aggregate_type = "certificate")]
#[serde(untagged)]
enum Lifecycle<T>
where
    T: Serialize,
{
    #[event(event_type = "issued")]
    Issued {
        #[event(id)]
        serial: Serial,
        profile: T,
    },
    #[event(event_type = "expired")]
    Expired {
        #[event(id)]
        serial: Serial,
    },
}

fn serial() -> Serial {
    Serial("0a:41".to_owned())
}

fn revoked() -> Revoked {
    Revoked { serial: serial(), reason: "superseded".to_owned() }
}

/// `reason` moves into the event, and the body does not name it.
#[domain_event(Revoked { serial: serial.clone(), reason }, ordering = "none", priority = "high")]
async fn revoke(_tx: &mut Tx<'_>, serial: Serial, reason: String) -> Result<Serial, EventError> {
    Ok(serial)
}

#[tokio::test]
async fn the_event_is_published_in_the_transaction_of_the_method() {
    let recorder = EventRecorder::new();
    let answer = recorder.scope(revoke(&mut transaction().await, serial(), "superseded".to_owned())).await;
    assert_eq!(answer.expect("an answer"), serial());
    let event = recorder
        .assert_published_event::<Revoked>()
        .topic("marty.test-service.certificate.revoked")
        .key("0a:41")
        .route(Route::Outbox)
        .payload("/event_version", 2)
        .times(1)
        .event();
    assert_eq!(event, revoked());
}

/// The untyped twin of [`revoke`].
#[domain_event(
    aggregate_type = "certificate",
    event_type = "revoked",
    aggregate_id_field = "serial",
    event_version = 2,
    data(serial, reason)
)]
async fn revoke_untyped(_tx: &mut Tx<'_>, serial: Serial, reason: String) -> Result<(), EventError> {
    Ok(())
}

#[tokio::test]
async fn typed_and_untyped_events_are_the_same() {
    let recorder = EventRecorder::new();
    recorder.scope(revoke(&mut transaction().await, serial(), "lost".to_owned())).await.expect("an answer");
    recorder.scope(revoke_untyped(&mut transaction().await, serial(), "lost".to_owned())).await.expect("an answer");
    let [typed, untyped] = recorder.events().try_into().expect("two events");
    assert_eq!((typed.topic, typed.key, typed.event_type), (untyped.topic, untyped.key, untyped.event_type));
    assert_eq!(typed.payload.to_string(), untyped.payload.to_string());
}

/// The event is written before the body moves its arguments.
#[domain_event(Revoked { serial: serial.clone(), reason: format!("{reason}!") })]
async fn revoke_and_take(serial: Serial, reason: String) -> Result<usize, EventError> {
    drop(serial);
    let reason = reason.into_bytes();
    Ok(reason.len())
}

#[domain_event(Revoked { serial: result.clone(), reason: "made".to_owned() })]
async fn revoke_made() -> Result<Serial, EventError> {
    Ok(serial())
}

#[domain_event(revoked)]
async fn revoke_given(revoked: Revoked) {}

#[domain_event(crate::typed::revoked())]
async fn revoke_called() {}

#[custom_event(EntryPosted { account, cents: 1250 })]
async fn post(account: &str) {}

#[domain_event(Lifecycle::Issued { serial: serial.clone(), profile: "tls" })]
#[domain_event(Lifecycle::<()>::Expired { serial }, delivery = "direct")]
async fn issue(serial: Serial) {}

#[tokio::test]
async fn any_expression_stands_in_first_place() {
    let recorder = EventRecorder::new();
    recorder
        .scope(async {
            revoke_and_take(serial(), "lost".to_owned()).await?;
            revoke_made().await?;
            revoke_given(revoked()).await;
            revoke_called().await;
            post("acct-9").await;
            issue(serial()).await;
            Ok::<(), EventError>(())
        })
        .await
        .expect("answers");
    let reasons = recorder.events().into_iter().filter(|event| event.event_type == "revoked");
    let reasons: Vec<_> = reasons.map(|event| event.payload["event_data"]["reason"].to_string()).collect();
    assert_eq!(reasons, ["\"lost!\"", "\"made\"", "\"superseded\"", "\"superseded\""]);
    recorder.assert_published("entry_posted").topic("marty.billing.ledger").key("acct-9").payload("/cents", 1250);
    recorder
        .assert_published("issued")
        .payload("/event_data", serde_json::json!({"serial": "0a:41", "profile": "tls"}));
    recorder.assert_published_event::<Lifecycle<()>>().times(2);
    recorder.assert_published("expired").key("0a:41").times(1);
}

#[domain_event(Revoked { serial: serial.clone(), reason }, on = "both")]
async fn revoke_or_fail(serial: Serial, reason: String, fails: bool) -> Result<(), EventError> {
    if fails { Err(EventError::NotInitialized) } else { Ok(()) }
}

#[tokio::test]
async fn a_failure_has_the_same_data() {
    let recorder = EventRecorder::new();
    recorder.scope(revoke_or_fail(serial(), "lost".to_owned(), true)).await.expect_err("a failure");
    recorder
        .assert_published("revoked_failed")
        .key("0a:41")
        .payload("/event_data/reason", "lost")
        .payload("/event_version", 2)
        .times(1);
    recorder.assert_not_published_event::<Revoked>();
    recorder.scope(revoke_or_fail(serial(), "lost".to_owned(), false)).await.expect("an answer");
    recorder.assert_published_event::<Revoked>().times(1);
}

#[tokio::test]
async fn a_typed_event_is_published_by_hand() {
    let recorder = EventRecorder::new().service_name("certificates");
    recorder
        .scope(async {
            let publisher = marty_events::publisher()?;
            publisher.publish(revoked()).await?;
            let mut tx = transaction().await;
            publisher.publish_in(&mut tx, &revoked()).await?;
            publisher.publish_all_in(&mut tx, [revoked(), revoked()]).await?;
            publisher.publish(DomainEvent::from(revoked()).ordering(EventOrdering::None)).await
        })
        .await
        .expect("ids");
    recorder.assert_published_event::<Revoked>().times(5).route(Route::Outbox).times(3);
}

#[tokio::test]
async fn another_service_is_refused() {
    let recorder = EventRecorder::new().service_name("users");
    let publish = async { marty_events::publisher()?.publish(revoked()).await };
    let error = recorder.scope(publish).await.expect_err("another service");
    assert!(matches!(error, EventError::OtherService { service: "certificates", .. }), "{error}");
    recorder.scope(revoke(&mut transaction().await, serial(), String::new())).await.expect_err("another service");
    recorder.assert_not_published_event::<Revoked>();
}

#[tokio::test]
async fn a_recorder_decodes_older_versions_too() {
    let recorder = EventRecorder::new();
    recorder
        .scope(async { marty_events::publisher()?.publish(RevokedV1 { serial: serial() }).await })
        .await
        .expect("an id");
    let event = recorder.assert_published_event::<Revoked>().event();
    assert_eq!(event.reason, "unspecified");
}

//! The one publisher of a process, from before `init` to after `shutdown`; a process of its own, so one test.

use marty_events::{AuditEvent, AuditEventType, EventConfig, EventError, domain_event, init_with, publisher};
use marty_events_tests::logs::Lines;
use tracing::{instrument::WithSubscriber, level_filters::LevelFilter};

fn login() -> AuditEvent {
    AuditEvent::new(AuditEventType::UserLogin, "login", "account").resource_id("a-1")
}

#[domain_event(aggregate_type = "account", event_type = "opened", aggregate_id_field = "id", on_publish_error = "fail")]
async fn open(id: u64) -> Result<u64, EventError> {
    Ok(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_is_registered_once_and_shut_down_once() {
    assert!(matches!(publisher(), Err(EventError::NotInitialized)));
    assert!(matches!(open(1).await, Err(EventError::NotInitialized)));

    let lines = Lines::default();
    let events = init_with(EventConfig::embedded()).with_subscriber(lines.of(LevelFilter::INFO)).await.unwrap();
    let told = lines.text();
    let line = r#"domain events that are published without a transaction events="account.opened""#;
    assert_eq!(told.matches(line).count(), 1, "{told}");
    assert!(matches!(init_with(EventConfig::embedded()).await, Err(EventError::AlreadyInitialized)));
    let early = publisher().unwrap();
    early.publish(login()).await.unwrap();
    assert_eq!(open(1).await.unwrap(), 1);
    // Accepted and not waited for: shutdown sees it through.
    futures_util::FutureExt::now_or_never(early.publish(login()));

    events.shutdown().await.unwrap();
    assert!(matches!(publisher(), Err(EventError::ShutDown)));
    assert!(matches!(open(1).await, Err(EventError::ShutDown)));
    assert!(matches!(early.publish(login()).await, Err(EventError::ShutDown)), "a clone made before is shut down too");
    assert!(matches!(init_with(EventConfig::embedded()).await, Err(EventError::AlreadyInitialized)));

    let bootstrap = early.bootstrap_servers().to_owned();
    let reader = marty_events_tests::kafka::Reader::start(&bootstrap, "marty");
    assert_eq!(reader.events(3).await.len(), 3);
}

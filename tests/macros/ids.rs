//! The source of an id, and the moment at which it is taken.

use marty_events::{
    AuditEventType, NotificationEventType, audit_event, domain_event, notification_event, testing::EventRecorder,
};

use crate::support::Failure;

struct Request {
    user: User,
}

struct User {
    id: u64,
}

struct Service {
    tenant: (String, u8),
}

#[domain_event(aggregate_type = "user", event_type = "by_argument", aggregate_id_field = "id")]
async fn by_argument(id: u64) -> u64 {
    id + 1
}

#[domain_event(aggregate_type = "user", event_type = "by_path", aggregate_id_field = "request.user.id")]
async fn by_path(request: Request) -> Result<(), Failure> {
    crate::support::consume(request);
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "by_pattern", aggregate_id_field = "id")]
async fn by_pattern(Request { user: User { id } }: Request, (_, _rest): (u8, u8)) {
    let _ = id;
}

#[domain_event(aggregate_type = "user", event_type = "by_result", aggregate_id_field = "result.id")]
async fn by_result(id: u64) -> Result<User, Failure> {
    Ok(User { id })
}

#[domain_event(aggregate_type = "user", event_type = "by_whole_result", aggregate_id_field = "result")]
async fn by_whole_result() -> u64 {
    7
}

#[domain_event(aggregate_type = "user", event_type = "before_the_body", aggregate_id_field = "id")]
async fn before_the_body(mut id: String) -> String {
    id.push_str(" changed");
    id
}

#[notification_event(
    event_type = NotificationEventType::UserWelcome,
    recipient_type = "user",
    recipient_id_field = "id",
    subject = "Welcome, {name}!",
    message = "You are number {id}"
)]
async fn welcome(id: u64, name: &str) {
    let _ = name;
}

#[audit_event(event_type = AuditEventType::ServiceStarted, action = "start", resource_type = "service", resource_id_field = none)]
async fn start() {}

impl Service {
    #[domain_event(aggregate_type = "tenant", event_type = "by_self", aggregate_id_field = "self.tenant.0")]
    async fn by_self(&self) {}
}

#[tokio::test]
async fn ids_come_from_where_the_attribute_says() {
    let recorder = EventRecorder::new();
    let service = Service { tenant: ("t-1".to_owned(), 0) };
    recorder
        .scope(async {
            assert_eq!(by_argument(1).await, 2);
            by_path(Request { user: User { id: 2 } }).await.unwrap();
            by_pattern(Request { user: User { id: 3 } }, (0, 0)).await;
            assert_eq!(by_result(4).await.unwrap().id, 4);
            assert_eq!(by_whole_result().await, 7);
            assert_eq!(before_the_body("5".to_owned()).await, "5 changed");
            service.by_self().await;
            welcome(6, "Ada").await;
            start().await;
        })
        .await;
    recorder.assert_published("by_argument").key("1").topic("marty.test-service.user.by_argument").times(1);
    recorder.assert_published("by_path").key("2").times(1);
    recorder.assert_published("by_pattern").key("3").times(1);
    recorder.assert_published("by_result").key("4").times(1);
    recorder.assert_published("by_whole_result").key("7").times(1);
    recorder.assert_published("before_the_body").key("5").times(1);
    recorder.assert_published("by_self").key("t-1").payload("/aggregate_type", "tenant");
    recorder
        .assert_published("user.welcome")
        .key("6")
        .payload("/subject", "Welcome, Ada!")
        .payload("/message", "You are number 6");
    assert_eq!(recorder.events().last().unwrap().key, None);
}

#[domain_event(aggregate_type = "user", event_type = "renamed", aggregate_id_field = "id", on_publish_error = "fail")]
async fn rename(id: &str) -> Result<(), Failure> {
    let _ = id;
    Ok(())
}

#[tokio::test]
async fn an_empty_id_is_an_error_and_publishes_nothing() {
    let recorder = EventRecorder::new();
    let error = recorder.scope(rename("")).await.unwrap_err();
    assert!(error.to_string().contains("its id is empty"), "{error}");
    recorder.assert_not_published("renamed");
}

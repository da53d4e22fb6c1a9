//! The wire format, byte for byte: topic, key, headers and value of one full and one minimal event of each kind.
//!
//! `UPDATE_GOLDEN=1 cargo test -p marty-events golden` writes the files anew; consumers will see the difference.

use std::{fmt::Write, fs, path::PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    envelope::Message,
    source::{Service, Source},
};
use crate::{
    AuditEvent, AuditEventType, AuditOutcome, CustomEvent, DomainEvent, Event, EventContext, EventPriority,
    NotificationEvent, NotificationEventType, RiskLevel,
};

fn source() -> Source {
    Source {
        service: Service::new("users", "1.2.3"),
        takes_any_service: false,
        topic_prefix: "marty".to_owned(),
        domain_topic: super::topic::TopicPattern::default(),
        schema_base_url: None,
        tracing: true,
    }
}

fn message(event: impl Into<Event>, context: &EventContext) -> Message {
    message_of(&source(), event, context)
}

fn message_of(source: &Source, event: impl Into<Event>, context: &EventContext) -> Message {
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    let time = Timestamp::from_microsecond(1_767_323_045_006_789).expect("a time");
    source.message_at(event.into(), id, time, context.clone()).expect("a message")
}

fn context() -> EventContext {
    EventContext::new()
        .correlation_id("corr-1")
        .causation_id("cause-1")
        .user_id("alice")
        .session_id("sess-1")
        .request_id("req-1")
        .source_ip("192.0.2.1")
        .user_agent("curl/8")
        .custom_header("tenant", "acme")
        .trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("vendor=1".to_owned()))
}

fn check(name: &str, message: &Message) {
    let mut text = format!("topic: {}\nkey: {}\n", message.topic, message.key().unwrap_or("(none)"));
    for (header, value) in message.headers() {
        writeln!(text, "header: {header}={value}").expect("a string takes it");
    }
    writeln!(text, "value: {}", message.payload).expect("a string takes it");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/event/golden").join(format!("{name}.golden"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).expect("the golden file can be written");
    }
    let golden = fs::read_to_string(&path).expect("the golden file is there");
    assert!(text == golden, "{name} is not what it was\n--- golden\n{golden}\n--- now\n{text}");
}

#[test]
fn audit() {
    let full = AuditEvent::new(AuditEventType::DataUpdated, "change_plan", "user")
        .resource_id("user-1")
        .data(&json!({"plan": "pro"}))
        .previous_state(&json!({"plan": "free"}))
        .new_state(&json!({"plan": "pro"}))
        .security_context(&json!({"role": "admin"}))
        .outcome(AuditOutcome::Failure)
        .error_message("declined")
        .error_code(402)
        .compliance_tags(["gdpr", "sox"])
        .risk_level(RiskLevel::High)
        .priority(EventPriority::Critical);
    check("audit", &message(full, &context()));
    let minimal = AuditEvent::new(AuditEventType::ServiceStarted, "start", "service");
    check("audit-minimal", &message(minimal, &EventContext::new()));
}

#[test]
fn domain() {
    let full = DomainEvent::new("User", "user-1", "user_created")
        .data(&json!({"email": "a@example.com"}))
        .business_context(&json!({"campaign": "spring"}))
        .event_version(2)
        .schema("2.1", Some("https://schemas.example.com/user".to_owned()))
        .priority(EventPriority::High);
    check("domain", &message(full, &context()));
    check("domain-minimal", &message(DomainEvent::new("user", 1, "user_created"), &EventContext::new()));
}

#[test]
fn schemas_of_domain_events() {
    let base = || Some("https://schemas.example.com/events".to_owned());
    let source = Source { schema_base_url: base(), service: Service::new("Users", "1.2.3"), ..source() };
    let event = DomainEvent::new("User", 1, "user_created").event_version(3);
    check("domain-schema", &message_of(&source, event, &EventContext::new()));

    let header = |source: &Source, event: Event| {
        let message = message_of(source, event, &EventContext::new());
        let value: serde_json::Value = serde_json::from_str(&message.payload).expect("JSON");
        let header = message.headers().find(|(name, _)| *name == "ce_dataschema").map(|(_, url)| url.to_owned());
        (header, value["payload"]["schema_url"].as_str().map(ToOwned::to_owned))
    };
    let own = || DomainEvent::new("user", 1, "created").schema("2", Some("urn:own".to_owned()));
    assert_eq!(header(&source, own().into()), (Some("urn:own".to_owned()), Some("urn:own".to_owned())));
    assert_eq!(header(&self::source(), own().into()), (None, Some("urn:own".to_owned())));
    assert_eq!(header(&source, CustomEvent::new("ledger", "closed").into()), (None, None));

    // This pattern lets an event type have any characters.
    let by_aggregate = Source { domain_topic: "{service}.{aggregate}".parse().expect("a pattern"), ..source.clone() };
    let url = "https://schemas.example.com/events/users/user.%2F%C3%BC%3F/v1.json".to_owned();
    let hostile = DomainEvent::new("user", 1, "/ü?");
    assert_eq!(header(&by_aggregate, hostile.into()), (Some(url.clone()), Some(url)));

    let broken = DomainEvent::new("user", 1, "created").schema("2", Some("a\nb".to_owned()));
    let error = source.message_at(broken.into(), Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new());
    assert!(error.expect_err("it must be refused").to_string().contains("forbids in `ce_dataschema`"));
}

#[test]
fn notification() {
    let full = NotificationEvent::new(NotificationEventType::CertificateExpiring, "user", ["user-1", "user-2"])
        .subject("Your certificate expires")
        .message("Renew it")
        .message_template("expiring")
        .data(&json!({"days": 7}))
        .channels(["email", "sms"])
        .delivery_time("2026-01-02T03:04:05Z")
        .expiry_time("2026-01-09T03:04:05Z")
        .action("https://example.com/renew", "Renew")
        .attachments(["file-1"])
        .priority(EventPriority::Low);
    check("notification", &message(full, &context()));
    let minimal = NotificationEvent::new(NotificationEventType::SystemAlert, "admin", Vec::<String>::new());
    check("notification-minimal", &message(minimal, &EventContext::new()));
}

#[test]
fn custom() {
    let full = CustomEvent::new("billing.ledger", "entry_posted")
        .key("acct-9")
        .data(&json!({"cents": 1250}))
        .priority(EventPriority::High);
    check("custom", &message(full, &context()));
    check("custom-minimal", &message(CustomEvent::new("billing.ledger", "closed"), &EventContext::new()));
}

#[derive(Serialize, DomainEvent)]
#[event(crate = crate, service = "users", aggregate_type = "User", event_type = "user_moved", event_version = 2)]
struct UserMoved<'a> {
    city: Option<&'a str>,
    #[event(id)]
    user_id: u64,
}

#[derive(Serialize, CustomEvent)]
#[event(crate = crate, topic = "billing.ledger", event_type = "entry_posted")]
struct EntryPosted {
    #[event(id)]
    account: String,
    cents: u64,
}

/// A typed event and its untyped twin have one golden file: the derive adds nothing to the wire.
#[test]
fn typed() {
    let twin =
        DomainEvent::new("User", 7, "user_moved").event_version(2).data(&json!({"city": "Tallinn", "user_id": 7}));
    check("domain-typed", &message(twin, &context()));
    check("domain-typed", &message(UserMoved { city: Some("Tallinn"), user_id: 7 }, &context()));

    let twin = CustomEvent::new("billing.ledger", "entry_posted")
        .key("acct-9")
        .data(&json!({"account": "acct-9", "cents": 1250}));
    check("custom-typed", &message(twin, &context()));
    check("custom-typed", &message(EntryPosted { account: "acct-9".to_owned(), cents: 1250 }, &context()));
}

#[test]
fn ids_and_topics_are_checked() {
    let refused = |event: Event| {
        source()
            .message_at(event.clone(), Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new())
            .expect_err("it must be refused")
            .to_string()
    };
    assert!(refused(DomainEvent::new("user", "", "created").into()).contains("its id is empty"));
    assert!(refused(DomainEvent::new("", "1", "created").into()).contains("its aggregate type is empty"));
    assert!(refused(DomainEvent::new("user", "1", "").into()).contains("its event type is empty"));
    assert!(refused(DomainEvent::new("user", "1", "a b").into()).contains("` ` is not one of its letters"));
    assert!(refused(CustomEvent::new("x".repeat(250), "e").into()).contains("249 are allowed"));
    assert!(refused(CustomEvent::new("t", "e").key("").into()).contains("its id is empty"));
    let unprefixed = Source { topic_prefix: String::new(), ..source() };
    let event: Event = CustomEvent::new("..", "e").into();
    let error = unprefixed.message_at(event.clone(), Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new());
    assert!(error.expect_err("a reserved name").to_string().contains("reserved"));
    let event: Event = AuditEvent::new(AuditEventType::UserLogin, "login", "user").into();
    let message = unprefixed.message_at(event.clone(), Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new());
    assert_eq!(message.expect("a message").topic, "audit.events");
}

#[test]
fn every_type_has_the_word_of_the_contract() {
    let audit = "user.login user.logout user.login.failed permission.denied role.changed data.accessed data.created
        data.updated data.deleted data.exported security.violation certificate.issued certificate.revoked
        certificate.validated service.started service.stopped service.error configuration.changed trust.anchored
        trust.revoked compliance.checked compliance.violation";
    for word in audit.split_whitespace() {
        let parsed = AuditEventType::from(word);
        assert_eq!(format!("{parsed:?}").to_lowercase(), word.replace('.', ""));
        assert_eq!(parsed.as_str(), word);
    }
    let notification = "user.welcome user.password.reset user.account.locked certificate.expiring certificate.expired
        certificate.renewal.required system.maintenance system.alert backup.completed backup.failed
        compliance.review.due audit.required policy.updated";
    for word in notification.split_whitespace() {
        let parsed = NotificationEventType::from(word);
        assert_eq!(format!("{parsed:?}").to_lowercase(), word.replace('.', ""));
        assert_eq!(parsed.as_str(), word);
    }
    assert_eq!(AuditEventType::from("vault.opened"), AuditEventType::Custom("vault.opened".to_owned()));
    assert_eq!(serde_json::to_value(NotificationEventType::Custom("x".to_owned())).expect("JSON"), json!("x"));
}

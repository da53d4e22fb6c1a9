//! Attacks by a caller who chooses the words of an event.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    source::{Service, Source},
    topic::TopicPattern,
};
use crate::{AuditEvent, AuditEventType, CustomEvent, DomainEvent, Event, EventContext};

fn source() -> Source {
    Source {
        service: Service::new("users", "1.2.3"),
        takes_any_service: false,
        topic_prefix: "marty".to_owned(),
        domain_topic: TopicPattern::default(),
        schema_base_url: None,
        tracing: true,
    }
}

#[test]
fn no_other_event_stands_among_those_that_are_taken_for_evidence() {
    let by_aggregate = Source {
        service: Service::new("Audit", "1.2.3"),
        takes_any_service: false,
        domain_topic: "{service}.{aggregate}".parse().expect("a pattern"),
        ..source()
    };
    let refused = |source: &Source, event: Event| {
        let made = source.message_at(event, Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new());
        made.map(|message| message.topic).expect_err("it must be refused").to_string()
    };
    for prefix in ["marty", ""] {
        let source = |source: Source| Source { topic_prefix: prefix.to_owned(), ..source };
        let custom = refused(&source(self::source()), CustomEvent::new("audit.events", "user.login").into());
        assert!(custom.contains("that of the audit events"), "{custom}");
        let custom = refused(&source(self::source()), CustomEvent::new("notification.events", "x").into());
        assert!(custom.contains("that of the notification events"), "{custom}");
        let domain = refused(&source(by_aggregate.clone()), DomainEvent::new("EVENTS", "1", "created").into());
        assert!(domain.contains("that of the audit events"), "{domain}");
    }
}

#[test]
fn what_is_refused_stays_on_its_line_of_the_log() {
    let forged = "x`\n2026-01-01T00:00:00Z  INFO all is well\r\u{1b}[2K\u{2028}";
    for event in [
        Event::from(DomainEvent::new("user", "1", forged)),
        DomainEvent::new(forged, "", "created").into(),
        CustomEvent::new(forged, "e").into(),
        CustomEvent::new("t", forged).key("").into(),
    ] {
        let made = source().message_at(event, Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new());
        let error = made.map(|message| message.topic).expect_err("it must be refused");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.contains("all is well") || text.contains("its id is empty"), "{text}");
            assert!(!text.contains(['\n', '\r', '\u{1b}', '\u{2028}']), "{text:?}");
        }
    }
}

#[test]
fn an_event_can_be_shown_without_its_data() {
    let data = serde_json::json!({"card": "4929-1234-5678-9010"});
    for event in [
        Event::from(DomainEvent::new("user", "1", "created").data(&data)),
        AuditEvent::new(AuditEventType::DataCreated, "create", "user").previous_state(&data).into(),
        CustomEvent::new("t", "e").data(&data).into(),
    ] {
        let shown = format!("{event:?}");
        assert!(shown.contains("30 bytes of JSON") && !shown.contains("4929"), "{shown}");
    }
}

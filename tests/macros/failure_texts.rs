//! A failure is recorded with any text that a caller gives it.

use marty_events::{
    AuditEventType, CustomEvent, DomainEvent, Event, EventError, audit_event, custom_event, domain_event,
    testing::EventRecorder,
};

/// As documented: bytes of UTF-8.
const LIMIT: usize = 8 * 1024;

/// Quotes its input, as errors of parsers do.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {0}")]
struct Quoting(String);

#[audit_event(
    event_type = AuditEventType::Custom(account.clone()),
    action = "login",
    resource_type = "account",
    resource_id_field = "account",
    on = "failure",
    error_code = error.0
)]
#[domain_event(aggregate_type = "account", event_type = "entered", aggregate_id_field = "account", on = "failure",
               error = format!("no: {account}"))]
#[custom_event(topic = "logins", event_type = "tried", key_field = "account", on = "failure", error = error.0, data(account))]
async fn login(account: String, input: String) -> Result<(), Quoting> {
    Err(Quoting(input))
}

#[tokio::test]
async fn texts_that_come_by_themselves_are_cut_and_marked() {
    let recorder = EventRecorder::new();
    for letter in ["a", "ü", "😀", "\u{1}"] {
        let long = letter.repeat(1_500_000 / letter.len());
        recorder.scope(login("ada".to_owned(), long)).await.unwrap_err();
    }
    recorder.scope(login("ada".to_owned(), "x".repeat(LIMIT - "cannot read ".len()))).await.unwrap_err();
    let events = recorder.events();
    assert_eq!(events.len(), 5 * 3);
    for (number, call) in events.chunks(3).enumerate() {
        let [audit, domain, custom] = call else { unreachable!("three") };
        assert_eq!(domain.payload["event_data"]["error_message"], "no: ada");
        let texts = [&audit.payload["error_message"], &audit.payload["error_code"], &custom.payload["error_message"]];
        for (place, text) in texts.into_iter().enumerate() {
            let text = text.as_str().unwrap();
            assert!(text.len() <= LIMIT, "{}", text.len());
            assert_eq!(text.contains("… [cut; 1500"), number < 4, "{text}");
            assert_eq!(text.starts_with("cannot read "), place == 0, "{text}");
        }
    }
}

#[tokio::test]
async fn a_long_text_that_is_made_before_the_body_is_cut_too() {
    let recorder = EventRecorder::new();
    recorder.scope(login("a".repeat(1_500_000), String::new())).await.unwrap_err();
    let entered = recorder.events().into_iter().find(|event| event.event_type == "entered_failed").unwrap();
    let message = entered.payload["event_data"]["error_message"].as_str().unwrap().to_owned();
    assert!(message.len() <= LIMIT && message.ends_with("… [cut; 1500004 bytes in all]"), "{}", message.len());
}

/// The characters that a String of CloudEvents 1.0 cannot have ("Type System").
const FORBIDDEN: [char; 6] = ['\n', '\0', '\u{7f}', '\u{85}', '\u{fdd0}', '\u{1ffff}'];

fn is_clean(recorder: &EventRecorder) -> bool {
    recorder.events().iter().flat_map(|event| event.headers.clone()).all(|(_, value)| !value.contains(FORBIDDEN))
}

#[tokio::test]
async fn a_record_of_a_failure_is_made_also_where_its_id_cannot_be_a_header() {
    for letter in FORBIDDEN {
        let recorder = EventRecorder::new();
        recorder.scope(login(format!("ada{letter}"), String::new())).await.unwrap_err();
        assert_eq!(recorder.events().len(), 3, "{letter:?}");
        assert!(is_clean(&recorder), "{letter:?}");
        let key = recorder.events()[0].key.clone().unwrap();
        assert!(key.starts_with("ada%"), "{key}");
        assert_eq!(recorder.events()[2].payload["account"], format!("ada{letter}"), "data stays as it is");
    }
}

#[tokio::test]
async fn an_event_whose_type_or_id_cannot_be_a_header_is_refused() {
    let recorder = EventRecorder::new();
    for letter in FORBIDDEN {
        let word = format!("w{letter}");
        let audit = |word: &str| marty_events::AuditEvent::new(word.into(), "a", "r");
        let notification =
            |word: &str, to: &str| marty_events::NotificationEvent::new(word.into(), "user", [to.to_owned()]);
        let nobody = marty_events::NotificationEvent::new("w".into(), &*word, [""; 0]);
        let refused: [Event; 8] = [
            audit(&word).into(),
            audit("w").resource_id(&word).into(),
            DomainEvent::new("user", &word, "created").into(),
            notification(&word, "1").into(),
            notification("w", &word).into(),
            nobody.into(),
            CustomEvent::new("t", word.clone()).into(),
            CustomEvent::new("t", "e").key(&word).into(),
        ];
        for event in refused {
            let shown = format!("{event:?}");
            let publishing = async { marty_events::publisher()?.publish(event).await };
            let error = recorder.scope(publishing).await.expect_err(&shown);
            let expected = format!("U+{:04X}", u32::from(letter));
            assert!(matches!(error, EventError::InvalidEvent { .. }), "{error:?}");
            assert!(error.to_string().contains(&expected), "{error}");
        }
        let publishing =
            async { marty_events::publisher()?.publish(CustomEvent::new("t", "e").key("ü \u{2028}")).await };
        recorder.scope(publishing).await.unwrap();
    }
    assert_eq!(recorder.events().len(), FORBIDDEN.len());
    assert!(is_clean(&recorder));
}

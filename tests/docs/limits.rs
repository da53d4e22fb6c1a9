//! Limits that no code can lift: the documentation states them wherever the thing is offered.

use marty_events::{DomainEvent, testing::EventRecorder};
use serde_json::{Value, json};

use super::{files, read, root};

#[tokio::test]
async fn numbers_that_json_lacks_are_null_and_every_place_that_offers_data_says_so() {
    let recorder = EventRecorder::new();
    let data = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5];
    let event = DomainEvent::new("reading", 1, "taken").data(&data);
    recorder.scope(async { marty_events::publisher()?.publish(event).await }).await.unwrap();
    assert_eq!(recorder.events()[0].payload["event_data"], json!([null, null, null, 0.5]));

    let sources = root().join("marty-events/src");
    for place in ["attributes/keys.md", "event/audit.rs", "event/custom.rs", "event/domain.rs", "event/notification.rs"]
    {
        let text = read(&sources.join(place));
        assert!(text.contains("JSON has no `NaN`") && text.contains("as `null`"), "{place} does not say it");
    }
}

/// The words beside each `delivery_time`: its paragraph, its row of a table, its comment.
#[test]
fn every_place_that_offers_a_time_of_delivery_says_that_it_delays_nothing() {
    let name = "delivery_time";
    let mut said: Vec<(String, String)> = Vec::new();
    for folder in ["docs", "marty-events/src/attributes"] {
        for path in files(&root().join(folder), "md") {
            let text = read(&path);
            let parts = text.split("\n\n").flat_map(|part| {
                let is_table = part.starts_with('|');
                part.split(if is_table { "\n" } else { "\n\n" })
            });
            let parts = parts.filter(|part| part.contains(&format!("`{name}`")));
            said.extend(parts.map(|part| (path.display().to_string(), part.to_owned())));
        }
    }
    let schema: Value = serde_json::from_str(&read(&root().join("docs/schemas/notification.json"))).expect("JSON");
    said.push(("the schema".to_owned(), schema["properties"][name]["description"].to_string()));
    let source = read(&root().join("marty-events/src/event/notification.rs"));
    let before = source.split(&format!("pub fn {name}(")).next().expect("the builder");
    let comment = before.rsplit("\n\n").next().expect("its comment");
    said.push(("the builder".to_owned(), comment.to_owned()));

    assert!(5 <= said.len(), "{said:#?}");
    for (place, words) in said {
        assert!(words.contains("delay"), "{place}: {words}");
    }
}

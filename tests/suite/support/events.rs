//! The events that the tests publish, and the order in which they were read.

use std::collections::{HashMap, HashSet};

use marty_events::{AuditEvent, AuditEventType, DomainEvent};
use marty_events_tests::kafka::Record;

/// An event of a key's history.
pub(crate) fn numbered(key: &str, number: usize) -> DomainEvent {
    DomainEvent::new("account", key, "moved").data(&serde_json::json!({"number": number}))
}

/// An event of this size; a topic of small records refuses a large one.
pub(crate) fn posted(key: &str, size: usize) -> DomainEvent {
    DomainEvent::new("ledger", key, "posted").data(&"x".repeat(size))
}

/// An audit event, which is published without a transaction.
pub(crate) fn exported() -> AuditEvent {
    AuditEvent::new(AuditEventType::DataExported, "export", "report").resource_id("r-1")
}

/// The numbers of each key in the order of reading, each event once (its first delivery).
pub(crate) fn histories(records: &[Record]) -> HashMap<String, Vec<i64>> {
    let mut seen = HashSet::new();
    let mut histories: HashMap<String, Vec<i64>> = HashMap::new();
    for record in records.iter().filter(|record| seen.insert(record.id().map(str::to_owned))) {
        histories.entry(record.key.clone().expect("a key")).or_default().push(number(record));
    }
    histories
}

/// The bundles that were not taken, by the numbers of their first and last rows, as a relay's log has them; those of topics whose names
/// begin so.
pub(crate) fn failed_bundles(log: &str, topics: &str) -> Vec<(i64, i64)> {
    let topics = format!(" topic={topics}");
    let lines = log.lines().filter(|line| line.contains("a bundle was not taken") && line.contains(&topics));
    let number = |line: &str, name: &str| -> i64 {
        let (_, behind) = line.split_once(name).expect("a number");
        behind.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    };
    lines.map(|line| (number(line, " first="), number(line, " last="))).collect()
}

fn number(record: &Record) -> i64 {
    record.value["payload"]["event_data"]["number"].as_i64().expect("a number")
}

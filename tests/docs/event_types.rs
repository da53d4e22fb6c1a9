//! The guide's lists of event types against the library's.

use marty_events::{AuditEventType, NotificationEventType};

use super::{read, root};

const SOURCE: &str = "marty-events/src/event/kinds.rs";

/// Names and words of the table below a heading of the reference.
fn listed(heading: &str) -> Vec<(String, String)> {
    let page = read(&root().join("docs/guide/attributes.md"));
    let rows = page.lines().skip_while(|line| *line != heading).skip_while(|line| !line.starts_with('|'));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let (name, word) = row.trim_matches('|').split_once('|').expect("a row has two cells");
        (name.trim().trim_matches('`').to_owned(), word.trim().trim_matches('`').to_owned())
    };
    rows.map(cells).collect()
}

/// The number of variants in the source. An enum's variants cannot be counted by its users.
fn written(name: &str) -> usize {
    let source = read(&root().join(SOURCE));
    let (_, rest) =
        source.split_once(&format!("    {name} {{\n")).unwrap_or_else(|| panic!("{name} is not in {SOURCE}"));
    rest.lines().take_while(|line| line.trim() != "}").filter(|line| line.contains(" = \"")).count()
}

#[test]
fn the_guide_lists_every_type_of_audit_events() {
    let listed = listed("## Audit events");
    assert_eq!(listed.len(), written("AuditEventType"));
    for (name, word) in listed {
        let known = AuditEventType::from(word.as_str());
        assert_eq!((format!("{known:?}"), known.as_str()), (name, word.as_str()));
    }
}

#[test]
fn the_guide_lists_every_type_of_notifications() {
    let listed = listed("## Notifications");
    assert_eq!(listed.len(), written("NotificationEventType"));
    for (name, word) in listed {
        let known = NotificationEventType::from(word.as_str());
        assert_eq!((format!("{known:?}"), known.as_str()), (name, word.as_str()));
    }
}

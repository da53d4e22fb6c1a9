//! `catalogue`: files of events, without a server.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::operator::{Operator, read, steady};

/// A file of events, as a service's test writes it.
pub(super) fn events(schema: &Value) -> Value {
    json!({
        "catalogue_version": 1,
        "service": "users",
        "publishes": [{
            "kind": "domain", "topic": "{service}.user.user_created", "event_type": "user_created", "version": 1,
            "key": "user_id", "ordering": "key", "route": "outbox", "schema": schema, "documentation": "A user begins.",
        }, {
            "kind": "audit", "topic": "audit.events", "event_type": "*", "version": 1, "key": null, "ordering": "none",
            "route": "direct", "schema": null, "documentation": null,
        }],
        "handles": [{
            "group": "users", "topic": "billing.account.closed", "event_type": "closed", "versions": [1, 2], "schema": null,
        }],
    })
}

fn fields(required: &[&str], optional: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        required.iter().chain(optional).map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn file(folder: &Path, name: &str, content: &Value) -> String {
    let path = folder.join(name);
    fs::write(&path, content.to_string()).expect("the folder takes a file");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn files_of_events_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "events.json", &events(&fields(&["email"], &[])));
    let operator = Operator::new([]);
    let shown = steady(&operator.text(&["catalogue", "show", &path, &path]));
    let once = "users\n\
        PUBLISHES TYPE KIND VERSION KEY ORDERING ROUTE\n\
        users.user.user_created user_created domain 1 user_id key outbox\n\
        audit.events * audit 1 - none direct\n\
        HANDLES TYPE GROUP VERSIONS\n\
        billing.account.closed closed users 1, 2\n";
    assert_eq!(shown, once.repeat(2));
    let answers = operator.json(&["catalogue", "show", &path]);
    assert_eq!(answers, [events(&fields(&["email"], &[]))]);

    let asyncapi = read(&operator.text(&["catalogue", "asyncapi", &path]));
    assert_eq!(asyncapi["asyncapi"], "3.0.0");
    assert_eq!(asyncapi["channels"]["users.user.user_created"]["address"], "users.user.user_created");
    let page = operator.text(&["catalogue", "markdown", &path]);
    assert!(page.starts_with("# Events of users\n") && page.contains("```mermaid\nflowchart LR\n"), "{page}");
    assert!(page.contains("| users.user.user_created | user_created | domain | 1 | user_id |"), "{page}");
}

#[test]
fn files_of_events_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str, schema: Value| file(folder.path(), name, &events(&schema));
    let old = named("old.json", fields(&["email"], &[]));
    let wider = named("wider.json", fields(&["email"], &["plan"]));
    let narrower = named("narrower.json", fields(&[], &["plan"]));
    let operator = Operator::new([]);
    assert_eq!(operator.text(&["catalogue", "diff", &old, &old]), "no change\n");
    let compatible = operator.run(&["catalogue", "diff", &old, &wider, "--json"]);
    assert_eq!(compatible.code, 0, "{compatible:?}");
    let answer = read(&compatible.text);
    assert_eq!((&answer["breaking"], &answer["changes"][0]["change"]), (&json!(false), &json!("optional field added")));
    let breaking = operator.run(&["catalogue", "diff", &wider, &narrower]);
    assert_eq!(breaking.code, 3, "{breaking:?}");
    assert!(breaking.text.contains("required field removed") && breaking.text.contains("breaks"), "{}", breaking.text);
    assert!(breaking.text.contains("keep the field, or raise `event_version`"), "{}", breaking.text);
}

#[test]
fn doctor_lists_the_domain_events_without_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let mut direct = events(&fields(&[], &[]));
    direct["publishes"][0]["route"] = json!("direct");
    let operator = Operator::new([]);
    let found = |content: &Value| {
        let path = file(folder.path(), "events.json", content);
        let report = read(&operator.run(&["doctor", "--json", "--timeout", "0s", "--catalogue", &path]).text);
        let checks = report["checks"].as_array().expect("checks").iter();
        let mut of_name = checks.filter(|check| check["name"] == "direct-events");
        let check = of_name.next().expect("the check ran").clone();
        assert_eq!(check["state"], "ok");
        check["found"].as_str().expect("a text").to_owned()
    };
    assert_eq!(found(&direct), "published without a transaction: users.user.user_created");
    let none = "no domain event is published without a transaction by its attribute";
    assert_eq!(found(&events(&fields(&[], &[]))), none, "an audit event is not listed");
    let without = read(&operator.run(&["doctor", "--json", "--timeout", "0s"]).text);
    assert!(!without.to_string().contains("direct-events"));
}

#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut newer = events(&fields(&[], &[]));
    newer["catalogue_version"] = json!(2);
    let operator = Operator::new([]);
    for (path, words) in [
        (file(folder.path(), "newer.json", &newer), "the catalogue has version 2, and this library reads 1"),
        (file(folder.path(), "other.json", &json!({"name": "x"})), "is not a catalogue of events"),
        (folder.path().join("none.json").to_str().unwrap().to_owned(), "cannot be read"),
    ] {
        for command in ["show", "asyncapi", "markdown"] {
            let answer = operator.run(&["catalogue", command, &path]);
            assert_eq!((answer.code, answer.text.as_str()), (2, ""));
            assert!(answer.complaint.contains(words), "{}", answer.complaint);
        }
        assert_eq!(operator.run(&["catalogue", "diff", &path, &path]).code, 2);
        assert_eq!(operator.run(&["doctor", "--catalogue", &path]).code, 2);
    }
    assert_eq!(operator.run(&["catalogue", "show"]).code, 2, "a file is required");
}

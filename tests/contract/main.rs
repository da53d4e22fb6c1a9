//! The gates of examples/contract-crate, in a project of its own: its CI fails on a change that breaks a reader, passes on a compatible one,
//! and a consumer's test fails against a producer's file that it cannot read.

mod project;

use std::fs;

use marty_events_tests::printed;
use project::Project;

/// The contract crate of the example, whose events are edited here.
const EVENTS: &str = "events/src/lib.rs";
const FIELD: &str = "    pub reason: Reason,\n";

#[test]
fn the_guide_shows_the_code_of_the_contract_crate() {
    let folder = printed::root().join("examples/contract-crate");
    let sources = [
        "events/src/lib.rs",
        "producer/src/lib.rs",
        "producer/tests/events.rs",
        "consumer/src/lib.rs",
        "consumer/tests/events.rs",
    ]
    .map(|file| fs::read_to_string(folder.join(file)).expect("a file of the example"));
    for block in printed::all("docs/guide/typed-events.md", "rust,ignore") {
        let is_shown = sources.iter().any(|source| source.contains(block.text.trim_end()));
        assert!(is_shown, "line {}: the example does not have this code:\n{}", block.line, block.text);
    }
}

#[test]
fn a_breaking_change_fails_in_ci_and_a_compatible_one_passes() {
    let project = Project::create();
    let ci = printed::only("docs/guide/typed-events.md", "sh ci");
    project.assert_passes("producer", &ci, "as it is in the example");

    // An optional field. rustc names each place that makes the event.
    project.edit(EVENTS, FIELD, &format!("{FIELD}    /// More about it.\n    pub note: Option<String>,\n"));
    project.edit(EVENTS, "reason: Reason::Unspecified }", "reason: Reason::Unspecified, note: None }");
    project.edit("producer/src/lib.rs", "serial.to_owned(), reason }", "serial.to_owned(), reason, note: None }");
    let said = project.assert_fails("producer", &ci);
    assert!(said.contains("the events changed, and no reader breaks"), "{said}");
    assert!(said.contains("optional field added") && said.contains("UPDATE_EVENTS=1"), "{said}");
    project.assert_passes("producer", "UPDATE_EVENTS=1 cargo test", "the author accepts the change");
    project.assert_passes("producer", &ci, "the file has the new field");
    project.assert_passes(
        "consumer",
        "cp ../producer/events.json certificates.events.json && cargo test",
        "it is read",
    );

    // A field with another name on the wire compiles everywhere, and breaks every reader.
    project.edit(EVENTS, FIELD, &format!("    #[serde(rename = \"cause\")]\n{FIELD}"));
    let said = project.assert_fails("producer", "UPDATE_EVENTS=1 cargo test");
    assert!(said.contains("the events changed, and readers break"), "{said}");
    assert!(said.contains("required field removed") && said.contains("raise `event_version`"), "{said}");
    // The author insists, and CI compares with the main branch.
    project.assert_passes("producer", "UPDATE_EVENTS=breaking cargo test", "the file is forced");
    let said = project.assert_fails("producer", &ci);
    assert!(said.contains("required field removed") && said.contains("breaks"), "{said}");
}

#[test]
fn a_consumer_that_cannot_read_the_producers_file_fails() {
    let project = Project::create();
    project.assert_passes("consumer", "cargo test", "as it is in the example");

    let pin = "consumer/certificates.events.json";
    project.edit(pin, "\"version\": 2", "\"version\": 3");
    let said = project.assert_fails("consumer", "cargo test");
    assert!(said.contains("handlers cannot read the events of `certificates.events.json`"), "{said}");
    assert!(said.contains("version not read"), "{said}");

    project.edit(pin, "\"version\": 3", "\"version\": 2");
    project.edit(pin, "\"reason\": {", "\"cause\": {");
    let said = project.assert_fails("consumer", "cargo test");
    assert!(said.contains("handlers cannot read") && said.contains("reason"), "{said}");
}

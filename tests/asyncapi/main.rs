//! `AsyncAPI` documents are read by `@asyncapi/parser`: those of this binary's events, and those of each catalogue that the repository keeps.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use marty_events::{
    CustomEvent, DomainEvent,
    catalogue::{Catalogue, Handled, catalogue},
};
use marty_events_tests::servers;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A certificate is not valid any more.
#[derive(Serialize, JsonSchema, DomainEvent)]
#[event(service = "certificates", aggregate_type = "certificate", event_type = "revoked", event_version = 2)]
struct Revoked {
    #[event(id)]
    serial: String,
    reason: Reason,
    issuers: Vec<Issuer>,
}

#[derive(Serialize, JsonSchema)]
enum Reason {
    Superseded,
    KeyLost { at: u64 },
}

/// A type that contains itself.
#[derive(Serialize, JsonSchema)]
struct Issuer {
    name: Option<String>,
    above: Option<Box<Issuer>>,
}

#[derive(Serialize, JsonSchema, CustomEvent)]
#[event(topic = "certificates.list")]
#[serde(untagged)]
enum List {
    #[event(event_type = "list_published")]
    Published { entries: u32 },
    #[event(event_type = "list_withdrawn")]
    Withdrawn { issuer: Issuer },
}

#[marty_events::domain_event(Revoked { serial: serial.clone(), reason: Reason::Superseded, issuers: Vec::new() }, on = "both")]
async fn revoke(serial: String) -> Result<(), marty_events::EventError> {
    drop(serial);
    Ok(())
}

#[marty_events::domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id", data(id))]
async fn create(id: u64) {}

/// The catalogues that are kept beside code.
fn kept(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() && !entry.ends_with("target") {
            kept(&entry, found);
        } else if entry.file_name().is_some_and(|name| name.to_string_lossy().ends_with("events.json")) {
            found.push(entry);
        }
    }
}

#[test]
fn every_document_is_read_by_the_official_parser() {
    let test = "every_document_is_read_by_the_official_parser";
    _ = (
        revoke,
        create,
        |issuer| List::Withdrawn { issuer },
        List::Published { entries: 0 },
        Reason::KeyLost { at: 0 },
    );
    let Some(modules) = env::var_os("MARTY_EVENTS_ASYNCAPI") else {
        servers::skip(test, "@asyncapi/parser is missing; scripts/test installs it where npm is");
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = catalogue().expect("descriptions").handling(Handled::new("list", "users.user.created", "created"));
    let mut catalogues = vec![("the test's own".to_owned(), own)];
    let mut files = Vec::new();
    for folder in ["examples", "docs"] {
        kept(&root.join(folder), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        catalogues.push((file.display().to_string(), Catalogue::from_json(&text).expect("a catalogue")));
    }
    for (name, catalogue) in catalogues {
        let read = parsed(&modules, &catalogue.to_asyncapi());
        // 0 is an error and 1 a warning. The rest recommends: a license, tags, a newer version of the specification.
        let is_fault = |fault: &&Value| fault["severity"].as_u64().is_none_or(|severity| severity < 2);
        let faults: Vec<&Value> = read["faults"].as_array().expect("a list").iter().filter(is_fault).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        let named = |list: &str| read[list].as_array().expect("a list").len();
        assert!(catalogue.publishes.len() <= named("messages"), "{name}: {read}");
        assert!(0 < named("operations"), "{name}: {read}");
    }
}

fn parsed(modules: &std::ffi::OsStr, document: &str) -> Value {
    let mut node = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("asyncapi/read.js"))
        .env("NODE_PATH", modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    node.stdin.take().expect("a pipe").write_all(document.as_bytes()).expect("it reads");
    let output = node.wait_with_output().expect("an end");
    assert!(output.status.success(), "node failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

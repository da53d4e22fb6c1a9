//! Environment variables: each is one that the project reads, with a value that it accepts.

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

use marty_events_tests::{certificates::Authority, printed, process::command_line};

use super::{files, read, root};

/// Variables of the scripts and examples, which the library does not read.
const OF_OTHERS: [&str; 2] = ["MARTY_EVENTS_FULL", "MARTY_EVENTS_LISTEN"];

/// The names that are written in the code that reads them.
fn is_read(name: &str) -> bool {
    static CODE: OnceLock<String> = OnceLock::new();
    let code = CODE.get_or_init(|| {
        let folders = ["marty-events/src/config", "marty-events-cli/src"];
        let files = folders.iter().flat_map(|folder| files(&root().join(folder), "rs"));
        // The names of slips stand in this file, and nothing reads those.
        files.filter(|path| !path.ends_with("variables.rs")).map(|path| read(&path)).collect()
    });
    name.starts_with("KAFKA_PRODUCER_") || OF_OTHERS.contains(&name) || code.contains(&format!("\"{name}\""))
}

/// The faults of these variables. The command checks them all with its configuration.
pub(super) fn faults(variables: &[(String, String)]) -> Option<String> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    if variables.is_empty() {
        return None;
    }
    if let Some((name, _)) = variables.iter().find(|(name, _)| !is_read(name)) {
        return Some(format!("nothing reads {name}"));
    }
    let program = PROGRAM.get_or_init(command_line);
    // The command looks whether the file is there.
    let authority = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&authority, Authority::new().certificate()).expect("a file");
    let here = |(name, value): &(String, String)| match name.as_str() {
        "KAFKA_SSL_CA_LOCATION" => (name.clone(), authority.path().display().to_string()),
        _ => (name.clone(), value.clone()),
    };
    let output = Command::new(program)
        .args(["doctor", "--json", "--timeout", "0s"])
        .env_clear()
        .envs(variables.iter().map(here))
        .output()
        .expect("it runs");
    let report: serde_json::Value = match serde_json::from_slice(&output.stdout) {
        Ok(report) => report,
        Err(_) => return Some(String::from_utf8_lossy(&output.stderr).into_owned()),
    };
    let checks = report["checks"].as_array().expect("checks");
    let configuration = checks.iter().find(|check| check["name"] == "configuration").expect("the configuration");
    (configuration["state"] != "ok").then(|| configuration.to_string())
}

/// Those that are set, and those in comments, which are defaults and examples.
#[test]
fn every_variable_of_the_environment_file_is_read() {
    let file = printed::file("packaging/relay.env");
    let assignment = |line: &str| {
        let (name, value) = line.trim_start_matches(['#', ' ']).split_once('=')?;
        let is_name = name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
        is_name.then(|| (name.to_owned(), value.to_owned()))
    };
    let set: Vec<_> = file.lines().filter(|line| !line.starts_with('#')).filter_map(assignment).collect();
    let all: Vec<_> = file.lines().filter_map(assignment).collect();
    assert!(3 <= set.len() && 15 <= all.len(), "{all:?}");
    for variables in [set, all] {
        assert_eq!(faults(&variables), None);
    }
    // The container's engine and systemd read quotes and comments differently.
    assert!(!file.contains(['"', '\'']), "no value needs quotes");
    assert!(file.lines().all(|line| line.starts_with('#') || !line.contains(" #")), "a comment has a line of its own");
}

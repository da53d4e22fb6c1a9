//! Descriptions of events reach the catalogue of a binary that is linked in the most frugal way.
//!
//! A service's package and its contract package are built here as their authors build them, apart from the workspace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;

const WORKSPACE: &str = r#"
[workspace]
members = ["events", "service", "strict"]
resolver = "3"

[workspace.package]
edition = "2024"

[workspace.dependencies]
marty-events = { path = "{library}", default-features = false, features = ["catalogue", "testing"] }
schemars = "1"
serde = { version = "1", features = ["derive"] }

[profile.release]
opt-level = "z"
lto = "fat"
codegen-units = 1
panic = "abort"
strip = "symbols"
"#;

const EVENTS: &str = r#"
#![forbid(unsafe_code)]

mod inner {
    #[marty_events::domain_event(aggregate_type = "user", event_type = "user_created", aggregate_id_field = "id", delivery = "direct", data(name))]
    pub async fn create<T: Send + Sync>(id: u32, name: &str, _any: T) {}

    #[derive(serde::Serialize, schemars::JsonSchema, marty_events::DomainEvent)]
    #[event(service = "users", aggregate_type = "user", event_type = "user_left")]
    pub struct UserLeft {
        #[event(id)]
        pub id: u32,
    }

    struct Service<T>(T);

    #[allow(dead_code)]
    impl<T: Send + Sync> Service<T> {
        #[marty_events::custom_event(topic = "billing.ledger", event_type = "posted", key_field = "account", delivery = "direct")]
        async fn post(&self, account: &str) {}
    }
}
"#;

/// A package with `typed-events = true`, and an untyped event of each kind that may have a type.
const STRICT: &str = r#"
#[marty_events::domain_event(aggregate_type = "user", event_type = "renamed", aggregate_id_field = "id")]
pub async fn rename(id: u32) {}

#[marty_events::custom_event(topic = "billing.ledger", event_type = "posted", key_field = "account")]
pub async fn post(account: &str) {}
"#;

/// The first binary names the package, and uses nothing else of it.
const NAMED: &str = r#"
#![forbid(unsafe_code)]
use events as _;

fn main() {
    print!("{}", marty_events::catalogue::catalogue().expect("descriptions").to_json());
}
"#;

/// The second one depends on the package, and does not name it.
const UNNAMED: &str = r#"
#![forbid(unsafe_code)]

fn main() {
    print!("{}", marty_events::catalogue::catalogue().expect_err("no description"));
}
"#;

/// The folder of the workspace, which is written once. Its packages share a target directory.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../marty-events");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("linked");
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(path, text).expect("the file is written");
    };
    let package = |name: &str, more: &str| {
        format!(
            "[package]\nname = \"{name}\"\nedition.workspace = true\n\n[dependencies]\nmarty-events.workspace = true\n{more}"
        )
    };
    write("Cargo.toml", &WORKSPACE.replace("{library}", library.to_str().expect("UTF-8")));
    // The versions of the workspace, so that nothing is fetched.
    write("Cargo.lock", &fs::read_to_string(library.join("../Cargo.lock")).expect("the lock file"));
    write("events/Cargo.toml", &package("events", "schemars.workspace = true\nserde.workspace = true\n"));
    write("events/src/lib.rs", EVENTS);
    write("service/Cargo.toml", &package("service", "events = { path = \"../events\" }\n"));
    write("service/src/bin/named.rs", NAMED);
    write("service/src/bin/unnamed.rs", UNNAMED);
    write("strict/Cargo.toml", &package("strict", "[package.metadata.marty-events]\ntyped-events = true\n"));
    write("strict/src/lib.rs", STRICT);
    folder
});

/// The success of a build, and its messages.
fn build(package: &str) -> (bool, String) {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--quiet", "--package", package, "--manifest-path"])
        .arg(FOLDER.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", FOLDER.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .expect("Cargo runs");
    (build.status.success(), String::from_utf8(build.stderr).expect("UTF-8"))
}

#[test]
fn descriptions_survive_the_most_frugal_linking() {
    let (built, problem) = build("service");
    assert!(built, "{problem}");
    let run = |binary: &str| {
        let output = Command::new(FOLDER.join("target/release").join(binary))
            .env_remove("SERVICE_NAME")
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{binary}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };

    let catalogue: Value = serde_json::from_str(&run("named")).expect("JSON");
    assert_eq!(catalogue["service"], "events");
    let published = catalogue["publishes"].as_array().expect("events");
    let types: Vec<&str> = published.iter().filter_map(|event| event["event_type"].as_str()).collect();
    assert_eq!(types, ["posted", "user_left", "user_created"]);
    assert_eq!(published[1]["schema"]["properties"]["id"]["type"], "integer", "{}", published[1]);

    // rustc leaves out a package that no source names, whatever attributes it has. The catalogue says so.
    let problem = run("unnamed");
    assert!(problem.contains("the catalogue is empty") && problem.contains("use the_crate as _;"), "{problem}");
}

#[test]
fn a_manifest_demands_types_of_domain_events() {
    let (built, problem) = build("strict");
    let told = "this crate's manifest has `typed-events = true`, and this event has no type; write a struct with `#[derive(DomainEvent)]`";
    assert!(!built && problem.matches(told).count() == 1, "{problem}");
    assert!(problem.contains("strict/src/lib.rs:2:1"), "{problem}");
    // The custom event below it is not refused; cargo's own line is the second one.
    assert_eq!(problem.lines().filter(|line| line.starts_with("error")).count(), 2, "{problem}");
}

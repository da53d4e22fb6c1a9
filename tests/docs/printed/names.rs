//! Names in commands and manifests: packages, features, scripts, files.

use std::{fs, path::Path, process::Command, sync::OnceLock};

use marty_events_tests::printed;
use serde_json::Value;

use super::root;

pub(super) fn file(path: &str) -> Result<(), String> {
    root().join(path).is_file().then_some(()).ok_or_else(|| format!("there is no file {path}"))
}

/// A script and its arguments. An argument that is not an option stands in the script's text, or is a file in `tests/degraded`.
pub(super) fn script(path: &str, arguments: &[&str]) -> Result<(), String> {
    file(path)?;
    let text = printed::file(path);
    for argument in arguments.iter().filter(|argument| !argument.starts_with('-')) {
        let is_known = text.contains(argument) || file(&format!("tests/degraded/{argument}.rs")).is_ok();
        is_known.then_some(()).ok_or_else(|| format!("{path} does not know {argument}"))?;
    }
    Ok(())
}

fn packages() -> &'static Vec<Value> {
    static PACKAGES: OnceLock<Vec<Value>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
            .current_dir(root())
            .output()
            .expect("cargo runs");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        metadata["packages"].as_array().expect("packages").clone()
    })
}

fn package(name: &str) -> Result<&'static Value, String> {
    let found = packages().iter().find(|package| package["name"] == name);
    found.ok_or_else(|| format!("there is no package {name}"))
}

/// `cargo run`, `test` and `install` of a package of the workspace, with features that it has.
pub(super) fn cargo(arguments: &[&str]) -> Result<(), String> {
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| *argument == name)?;
        arguments.get(place + 1).copied()
    };
    let flags = ["-p", "--path", "--locked", "--features", "--root"];
    for flag in arguments.iter().filter(|argument| argument.starts_with('-')) {
        flags.contains(flag).then_some(()).ok_or_else(|| format!("cargo {flag} is not known here"))?;
    }
    let name = match arguments.first() {
        Some(&"install") => {
            let path = after("--path").ok_or("cargo install without --path takes another package")?;
            file(&format!("{path}/Cargo.toml"))?;
            path
        }
        Some(&("run" | "test")) => after("-p").ok_or("no package is named")?,
        other => return Err(format!("cargo {other:?} is not known here")),
    };
    let features = &package(name)?["features"];
    for feature in after("--features").unwrap_or_default().split(',').filter(|feature| !feature.is_empty()) {
        features.get(feature).map(drop).ok_or_else(|| format!("{name} has no feature {feature}"))?;
    }
    Ok(())
}

/// Cargo itself reads the manifests, with the versions that the workspace's lock file has.
#[test]
fn the_dependencies_that_are_shown_are_those_of_the_workspace() {
    for page in ["README.md", "docs/guide/opentelemetry.md"] {
        assert_dependencies(page);
    }
}

fn assert_dependencies(page: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let dependencies = printed::only(page, "toml");
    let place = root().join("marty-events").display().to_string();
    let dependencies = printed::with(&dependencies, "../marty-events/marty-events", &place);
    let manifest = format!("[package]\nname = \"users\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{dependencies}");
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("a file");
    fs::create_dir(folder.path().join("src")).expect("a folder");
    fs::write(folder.path().join("src/main.rs"), "fn main() {}\n").expect("a file");
    fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("a file");
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,dev", "--depth", "1", "--prefix", "none"])
        .current_dir(folder.path())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{page}: {}", String::from_utf8_lossy(&tree.stderr));
    // The versions are those of the workspace: another sqlx would have other transactions.
    let lock = printed::file("Cargo.lock");
    for line in String::from_utf8_lossy(&tree.stdout).lines().skip(1).filter(|line| !line.starts_with("marty")) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let version = version.trim_start_matches('v');
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")), "{page}: {line}");
    }
}

/// The key that the attributes' page shows is the one that the macros look for.
#[test]
fn the_manifest_key_that_is_shown_is_read() {
    for (page, key) in [
        ("marty-events/src/attributes/keys.md", "require-delivery"),
        ("marty-events/src/attributes/derive_domain_event.md", "typed-events"),
        ("docs/guide/typed-events.md", "typed-events"),
    ] {
        assert_eq!(printed::only(page, "toml"), format!("[package.metadata.marty-events]\n{key} = true\n"), "{page}");
    }
    let reader =
        fs::read_to_string(Path::new(&root()).join("marty-events-macros/src/method/validate/manifest.rs")).unwrap();
    for word in ["marty-events", "require-delivery", "typed-events"] {
        assert!(reader.contains(word), "the macros read {word}");
    }
}

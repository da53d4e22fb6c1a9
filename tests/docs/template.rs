//! The template: a project is made from it as cargo-generate does, by filling the placeholders in, and passes its own tests.

use std::{fs, path::Path, process::Command};

use marty_events_tests::{printed, secured_kafka::tls_in_this_build, servers};

use super::{read, root};

const FOLDER: &str = "examples/template";
const FILES: [&str; 8] = [
    ".gitignore",
    "Cargo.toml",
    "README.md",
    "migrations/0001_users.sql",
    "src/lib.rs",
    "src/main.rs",
    "src/routes.rs",
    "src/users.rs",
];
const TESTS: &str = "tests/users.rs";

fn filled(text: &str) -> String {
    let sources = root().join("marty-events").display().to_string();
    let pairs = [("{{project-name}}", "users-api"), ("{{crate_name}}", "users_api"), ("{{marty_events}}", &sources)];
    pairs.into_iter().fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
}

fn make(project: &Path) {
    for file in FILES.into_iter().chain([TESTS]) {
        let text = filled(&read(&root().join(FOLDER).join(file)));
        assert!(!text.contains("{{"), "{file} has a placeholder that cargo-generate does not know");
        let path = project.join(file);
        fs::create_dir_all(path.parent().expect("below the project")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    // The versions of the workspace, so that most of the project is compiled already.
    fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).expect("a file");
}

#[test]
fn the_template_has_no_other_files_and_no_other_placeholders() {
    let known = |extension: &str| {
        let files = FILES.iter().chain([&TESTS]);
        files.filter(|file| Path::new(file).extension().is_some_and(|found| found == extension)).count()
    };
    for extension in ["rs", "sql", "md"] {
        assert_eq!(super::files(&root().join(FOLDER), extension).len(), known(extension), "{extension}");
    }
    // Those of cargo-generate itself are not listed there.
    let settings = printed::file("examples/template/cargo-generate.toml");
    let named = settings.lines().filter_map(|line| line.strip_prefix("[placeholders.")?.strip_suffix(']'));
    assert_eq!(named.collect::<Vec<_>>(), ["marty_events"]);
}

#[test]
fn the_project_of_the_template_passes_its_tests() {
    let shown = printed::only("docs/guide/testing.md", "rust,ignore");
    assert!(printed::file("examples/template/tests/users.rs").contains(&shown), "the guide shows the template's test");

    let Some(database) = servers::postgres("the_project_of_the_template_passes_its_tests") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    make(folder.path());
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        // They name the package of this test.
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(&name);
        }
    }
    // The same Kafka client as in the tests, in the same place and with the workspace's profile, or it would be compiled once more.
    if tls_in_this_build().is_ok() {
        cargo.args(["test", "--quiet", "--features", "marty-events/kafka-ssl"]);
    } else {
        cargo.args(["test", "--quiet"]);
    }
    let tested = cargo
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory"))
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .env("CARGO_PROFILE_DEV_BUILD_OVERRIDE_DEBUG", "line-tables-only")
        .env("DATABASE_URL", database)
        .output()
        .expect("cargo runs");
    let said = [tested.stdout, tested.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(tested.status.success() && said.contains("2 passed"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

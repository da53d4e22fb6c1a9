//! A copy of the example as a project apart from the workspace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use marty_events_tests::{printed, process::command_line};
use tempfile::TempDir;

/// The packages of the example, without the program that joins them.
pub(crate) struct Project {
    folder: TempDir,
    path: std::ffi::OsString,
}

const PACKAGES: [&str; 3] = ["events", "producer", "consumer"];
const FILES: [&str; 5] = ["Cargo.toml", "src/lib.rs", "tests/events.rs", "events.json", "certificates.events.json"];

impl Project {
    pub(crate) fn create() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let command = command_line();
        let mut path = command.parent().expect("a folder").as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let project = Self { folder, path };
        project.write("Cargo.toml", &manifest());
        project.write("Cargo.lock", &printed::file("Cargo.lock"));
        for package in PACKAGES {
            for file in FILES.map(|file| format!("{package}/{file}")) {
                let source = printed::root().join("examples/contract-crate").join(&file);
                if let Ok(text) = fs::read_to_string(source) {
                    project.write(&file, &text);
                }
            }
        }
        // The main branch of the producer's repository, as a clone sees it.
        project.assert_passes(
            "producer",
            "git init --quiet . && git add . && git -c user.name=ci -c user.email=ci@localhost commit --quiet -m events
             git update-ref refs/remotes/origin/main HEAD",
            "the repository",
        );
        project
    }

    /// Replaces a text of a file, which has it once.
    pub(crate) fn edit(&self, file: &str, before: &str, after: &str) {
        let text = fs::read_to_string(self.place(file)).expect("the file");
        assert_eq!(text.matches(before).count(), 1, "{file} has `{before}` once:\n{text}");
        self.write(file, &text.replace(before, after));
    }

    /// Runs a script in the folder of a package.
    pub(crate) fn assert_passes(&self, package: &str, script: &str, why: &str) {
        let (passes, said) = self.run(package, script);
        assert!(passes, "{why}: {said}");
    }

    /// Runs a script that ends with an error, and answers all that it said.
    pub(crate) fn assert_fails(&self, package: &str, script: &str) -> String {
        let (passes, said) = self.run(package, script);
        assert!(!passes, "{script}: {said}");
        said
    }

    fn run(&self, package: &str, script: &str) -> (bool, String) {
        let mut bash = Command::new("bash");
        for (name, _) in std::env::vars_os() {
            // They name the package of this test.
            let is_of_a_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            if name.to_str().is_some_and(is_of_a_package) {
                bash.env_remove(&name);
            }
        }
        let output = bash
            .args(["-euc", script])
            .current_dir(self.place(package))
            .env("PATH", &self.path)
            // In the same place and with the workspace's profile, so that most of it is compiled already.
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory"))
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_QUIET", "true")
            .env("CI", "true")
            .env_remove("UPDATE_EVENTS")
            .env_remove("SERVICE_NAME")
            .output()
            .expect("bash runs");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        (output.status.success(), said)
    }

    fn place(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.place(file);
        fs::create_dir_all(path.parent().expect("below the project")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

/// The workspace's own, with these members, for the versions of the dependencies.
fn manifest() -> String {
    let text = printed::file("Cargo.toml");
    let (_, shared) = text.split_once("[workspace.package]").expect("what the packages share");
    let sources = format!("path = \"{}/", printed::root().display());
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"events\", \"producer\", \"consumer\"]\n\n[workspace.package]{}",
        shared.replace("path = \"", &sources)
    )
}

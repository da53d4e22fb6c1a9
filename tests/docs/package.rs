//! The files that `cargo package` takes along.

use std::process::Command;

use super::{files, root};

fn packaged(name: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--locked", "--package", name])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.replace('\\', "/")).collect()
}

#[test]
fn a_package_has_what_it_needs_and_what_the_licences_ask_for() {
    for (name, root_file) in
        [("marty-events", "src/lib.rs"), ("marty-events-macros", "src/lib.rs"), ("marty-events-cli", "src/main.rs")]
    {
        let packaged = packaged(name);
        for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", root_file] {
            assert!(packaged.contains(&file.to_owned()), "{name} lacks {file}");
        }
    }
}

#[test]
fn the_package_has_every_migration_and_every_included_page() {
    let packaged = packaged("marty-events");
    let crate_folder = root().join("marty-events");
    for path in files(&crate_folder.join("migrations"), "sql").iter().chain(&files(&crate_folder.join("src"), "md")) {
        let path = path.strip_prefix(&crate_folder).expect("below it").to_string_lossy().replace('\\', "/");
        assert!(packaged.contains(&path), "it lacks {path}");
    }
}

/// A file that a crate includes from outside of its folder would be missing from its package.
#[test]
fn nothing_is_included_from_outside_of_a_package() {
    for name in ["marty-events", "marty-events-macros", "marty-events-cli"] {
        let folder = root().join(name);
        for file in files(&folder.join("src"), "rs") {
            let depth = file.strip_prefix(&folder).expect("below it").components().count() - 1;
            let outside = "../".repeat(depth + 1);
            let code = super::read(&file);
            assert!(!code.contains(&format!("include_str!(\"{outside}")), "{}", file.display());
        }
    }
}

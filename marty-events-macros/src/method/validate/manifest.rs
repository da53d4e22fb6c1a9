//! `[package.metadata.marty-events]` of the crate that is compiled.
//!
//! Cargo does not compile a crate again when only this changes; a clean build does.

use std::{env, fs, path::Path};

/// `require-delivery = true`: a domain event without a transaction must state its delivery.
pub(super) fn requires_delivery() -> bool {
    says("require-delivery")
}

/// `typed-events = true`: a domain event must have a type of its own.
pub(super) fn requires_types() -> bool {
    says("typed-events")
}

fn says(key: &str) -> bool {
    // Read each time: an editor expands many crates in one process.
    let Some(directory) = env::var_os("CARGO_MANIFEST_DIR") else { return false };
    fs::read_to_string(Path::new(&directory).join("Cargo.toml")).is_ok_and(|manifest| is_true(&manifest, key))
}

fn is_true(manifest: &str, key: &str) -> bool {
    let line_in_table = format!("{key}=true");
    let line_of_root = format!("package.metadata.marty-events.{key}=true");
    let mut inside = false;
    for line in manifest.lines() {
        let line = line.split('#').next().unwrap_or_default().replace([' ', '\t', '"'], "");
        if line.starts_with('[') {
            inside = line == "[package.metadata.marty-events]";
        } else if (inside && line == line_in_table) || line == line_of_root {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_true;

    #[test]
    fn only_the_crates_own_table_counts() {
        let says = |manifest: &str| is_true(manifest, "require-delivery");
        assert!(says("[package]\nname = \"a\"\n[package.metadata.marty-events]\nrequire-delivery = true # yes\n"));
        assert!(!says("[package.metadata.marty-events]\nrequire-delivery = false\n"));
        assert!(!says("[package.metadata.other]\nrequire-delivery = true\n"));
        assert!(!says("# [package.metadata.marty-events]\nrequire-delivery = true\n"));
        assert!(!says("[package.metadata.marty-events]\n[dependencies]\nrequire-delivery = true\n"));
    }

    #[test]
    fn each_key_stands_for_itself() {
        let manifest = "[package.metadata.marty-events]\ntyped-events = true\n";
        assert!(is_true(manifest, "typed-events") && !is_true(manifest, "require-delivery"));
    }
}

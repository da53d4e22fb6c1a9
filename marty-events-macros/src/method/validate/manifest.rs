//! `[package.metadata.marty-events]` of the crate that is compiled.

use std::{env, fs, path::Path};

/// `require-delivery = true`: a domain event without a transaction must state its delivery.
///
/// Cargo does not compile a crate again when only this changes; a clean build does.
pub(super) fn requires_delivery() -> bool {
    // Read each time: an editor expands many crates in one process.
    let Some(directory) = env::var_os("CARGO_MANIFEST_DIR") else { return false };
    fs::read_to_string(Path::new(&directory).join("Cargo.toml")).is_ok_and(|manifest| says_so(&manifest))
}

fn says_so(manifest: &str) -> bool {
    let mut inside = false;
    for line in manifest.lines() {
        let line = line.split('#').next().unwrap_or_default().replace([' ', '\t', '"'], "");
        if line.starts_with('[') {
            inside = line == "[package.metadata.marty-events]";
        } else if (inside && line == "require-delivery=true")
            || line == "package.metadata.marty-events.require-delivery=true"
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::says_so;

    #[test]
    fn only_the_crates_own_table_counts() {
        assert!(says_so("[package]\nname = \"a\"\n[package.metadata.marty-events]\nrequire-delivery = true # yes\n"));
        assert!(!says_so("[package.metadata.marty-events]\nrequire-delivery = false\n"));
        assert!(!says_so("[package.metadata.other]\nrequire-delivery = true\n"));
        assert!(!says_so("# [package.metadata.marty-events]\nrequire-delivery = true\n"));
        assert!(!says_so("[package.metadata.marty-events]\n[dependencies]\nrequire-delivery = true\n"));
    }
}

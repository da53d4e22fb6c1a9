//! Every mistake is one error, at the token that holds it, with its correction.
//!
//! The texts are those of the toolchain in `Cargo.toml`'s `rust-version`; another one words some of them differently. After a change of
//! the messages: `TRYBUILD=overwrite cargo test -p marty-events-compile-errors`, and read the difference.

use std::{fs, path::Path, process::Command};

/// Tells the cargo that trybuild runs not to build librdkafka (the Cargo Book, "Overriding Build Scripts").
///
/// The cases are checked and never linked. trybuild checks their dependencies with two sets of flags, so librdkafka would be built twice more.
fn leave_librdkafka_out() {
    let cargo = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo runs");
    let version = String::from_utf8_lossy(&cargo.stdout);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests").join("trybuild/.cargo");
    fs::create_dir_all(&folder).expect("a folder below the target directory");
    fs::write(folder.join("config.toml"), format!("[target.{host}.rdkafka]\n")).expect("a file");
}

#[test]
fn ui() {
    leave_librdkafka_out();
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

//! Every mistake is one error, at the token that holds it, with what to write instead.
//!
//! The texts are those of the toolchain in `Cargo.toml`'s `rust-version`; another one words some of them differently.
//! After a change of the messages: `TRYBUILD=overwrite cargo test -p marty-events-compile-errors`, and read the difference.

#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

//! The program does as its README shows.

#[test]
fn it_prints_what_the_readme_shows() {
    examples_common::assert_prints(env!("CARGO_BIN_EXE_unit-of-work"), include_str!("../README.md"));
}

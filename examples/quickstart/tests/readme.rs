//! The program does as its README shows.

#[test]
fn it_prints_what_the_readme_shows() {
    examples_common::assert_prints_among_others(env!("CARGO_BIN_EXE_quickstart"), include_str!("../README.md"));
}

//! The program does as its README shows, and the consumer's file is the producer's.

#[test]
fn it_prints_what_the_readme_shows() {
    examples_common::assert_prints(env!("CARGO_BIN_EXE_contract-crate"), include_str!("../README.md"));
}

#[test]
fn the_consumer_pins_the_producers_file() {
    assert_eq!(
        include_str!("../consumer/certificates.events.json"),
        include_str!("../producer/events.json"),
        "copy producer/events.json to consumer/certificates.events.json"
    );
}

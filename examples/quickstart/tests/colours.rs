//! The output has colours at a terminal, and nowhere else.

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quickstart");
const TITLE: &str = "1. A transaction that commits:";

#[test]
fn a_terminal_gets_colours() {
    let screen = examples_common::at_a_terminal(PROGRAM, &[]);
    assert!(screen.contains(&format!("\x1b[1m{TITLE}\x1b[0m")), "{screen}");
}

#[test]
fn a_terminal_without_colours_gets_none() {
    let screen = examples_common::at_a_terminal(PROGRAM, &[("NO_COLOR", "1")]);
    assert!(screen.contains(TITLE) && !screen.contains('\x1b'), "{screen}");
}

#[test]
fn a_pipe_gets_none() {
    let output = Command::new(PROGRAM).env("TERM", "xterm").output().expect("the program can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(TITLE) && !text.contains('\x1b'), "{text}");
}

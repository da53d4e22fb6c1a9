use std::process::Command;

/// Runs `program` and asserts that it ends well, and prints the `text` block of its README.
///
/// # Panics
///
/// When it does not.
pub fn assert_prints(program: &str, readme: &str) {
    let (shown, printed) = (shown(readme), output_of(program));
    assert!(shown == printed, "the README shows\n{shown}\nand the program prints\n{printed}");
}

/// The same of a program that prints more than its README shows.
///
/// # Panics
///
/// When it does not end well, or leaves out a line.
pub fn assert_prints_among_others(program: &str, readme: &str) {
    let (shown, printed) = (shown(readme), output_of(program));
    for line in shown.lines() {
        assert!(printed.lines().any(|it| it == line), "the README shows\n{line}\nand the program prints\n{printed}");
    }
}

fn output_of(program: &str) -> String {
    let output = Command::new(program)
        // The reader of the README does not set it.
        .env_remove("DATABASE_URL")
        .env_remove("KAFKA_BROKERS")
        .env_remove("SERVICE_NAME")
        .output()
        .expect("the program can be started");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

fn shown(readme: &str) -> &str {
    let block = readme.split_once("```text\n").and_then(|(_, rest)| rest.split_once("```"));
    block.map(|(block, _)| block).expect("the README has a block of text")
}

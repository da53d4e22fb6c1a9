//! The servers that this run may use. `scripts/test` starts them and names them in the environment.

use std::{env, fs::OpenOptions, io::Write};

/// The PostgreSQL server's administrative URL, or nothing after reporting `test` as skipped.
#[must_use]
pub fn postgres(test: &str) -> Option<String> {
    server(test, "DATABASE_URL")
}

/// The MariaDB server's administrative URL, or nothing after reporting `test` as skipped.
#[must_use]
pub fn mariadb(test: &str) -> Option<String> {
    server(test, "MARIADB_URL")
}

/// The Kafka bootstrap list, or nothing after reporting `test` as skipped.
#[must_use]
pub fn kafka(test: &str) -> Option<String> {
    server(test, "KAFKA_BROKERS")
}

fn server(test: &str, variable: &str) -> Option<String> {
    let value = env::var(variable).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        skip(test, &format!("{variable} is not set; run scripts/test, which starts the servers"));
    }
    value
}

/// Says loudly that `test` did not run, and leaves a line for the run's summary.
///
/// # Panics
///
/// When the summary cannot be written: a skip must not go unnoticed.
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED: {test}: {reason}");
    eprintln!("{line}");
    if let Some(log) = env::var_os("MARTY_EVENTS_SKIP_LOG") {
        let file = OpenOptions::new().create(true).append(true).open(log);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the log of skipped tests can be written");
    }
}

//! Child processes that a test starts, watches and kills.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{secured_kafka::tls_in_this_build, signals, wait};

/// The path of a binary of another member of the workspace.
///
/// `cargo test --workspace` has built it already; this asks cargo again for the case of a test that is run alone.
///
/// # Panics
///
/// When it cannot be built.
#[must_use]
pub fn binary(package: &str, name: &str, arguments: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // The cargo that runs the tests names their package here. Build scripts that look at these would run again, and again when it
    // is that one's turn.
    for (name, _) in std::env::vars_os() {
        let of_a_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_a_package) {
            cargo.env_remove(&name);
        }
    }
    let built = cargo
        .args(["build", "--quiet", "--locked", "--message-format", "json", "--package", package, "--bin", name])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{name} is built");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the binary")
}

/// The command `marty-events`, with every database and the encryption that the tests have.
///
/// # Panics
///
/// When it cannot be built.
#[must_use]
pub fn command_line() -> PathBuf {
    // The same Kafka client as in the tests, or it would be compiled once more.
    let features = if tls_in_this_build().is_ok() { "mysql,sqlite,kafka-ssl,database-tls" } else { "mysql,sqlite" };
    binary("marty-events-cli", "marty-events", &["--features", features])
}

/// A child whose lines on standard output are read as they come; killed when it is dropped.
#[derive(Debug)]
pub struct Watched {
    child: Child,
    lines: Receiver<String>,
}

impl Watched {
    /// Starts `command`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("the program can be started");
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line, or nothing when the child has ended or is silent for the patient `limit`.
    #[must_use]
    pub fn line(&self, limit: Duration) -> Option<String> {
        self.lines.recv_timeout(wait::patient(limit)).ok()
    }

    /// Waits until the child has closed its standard output, as it does when it ends, and answers the lines that it still wrote.
    ///
    /// # Panics
    ///
    /// When it goes on.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        let begin = Instant::now();
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(wait::DEADLINE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => wait::assert_within(begin, wait::DEADLINE, "the child's end"),
            }
        }
    }

    /// Kills it at once (`SIGKILL`), and answers the lines that it still wrote.
    #[must_use]
    pub fn kill(mut self) -> Vec<String> {
        self.end();
        self.lines.iter().collect()
    }

    /// Asks it to end (`SIGTERM`).
    ///
    /// # Panics
    ///
    /// When it is gone already.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Stops it in the middle of everything (`SIGSTOP`); it stands still when this returns.
    ///
    /// # Panics
    ///
    /// When it is gone already.
    pub fn pause(&self) {
        signals::pause(self.child.id());
    }

    /// Lets it go on (`SIGCONT`).
    ///
    /// # Panics
    ///
    /// When it is gone already.
    pub fn resume(&self) {
        signals::resume(self.child.id());
    }

    /// Sends it a signal, by its name without `SIG`.
    ///
    /// # Panics
    ///
    /// When it is gone already.
    pub fn signal(&self, name: &str) {
        signals::send(self.child.id(), name);
    }

    /// The most memory that it has had so far, in bytes (Linux, `proc_pid_status(5)`, `VmHWM`).
    ///
    /// # Panics
    ///
    /// When it is gone already.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a child that runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok());
        1024 * peak.unwrap_or(0_u64)
    }

    fn end(&mut self) {
        // Both fail only for a child that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
    }
}

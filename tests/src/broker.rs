//! A Kafka of a test's own, which it may kill.

use std::{path::PathBuf, process::Command};

/// A Kafka in a directory of its own, by the project's script; stopped and removed when it is dropped.
#[derive(Debug)]
pub struct Broker {
    folder: tempfile::TempDir,
}

impl Broker {
    /// Starts it, and answers its address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> (Self, String) {
        let broker = Self { folder: tempfile::tempdir().expect("a directory") };
        let bootstrap = broker.up();
        (broker, bootstrap)
    }

    /// Starts it, or starts it again; answers its address, which stays the same.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn up(&self) -> String {
        let output = self.script("up");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let address = text.lines().find_map(|line| line.strip_prefix("export KAFKA_BROKERS="));
        address.expect("the script names the address").to_owned()
    }

    /// `kill -9` of the server that runs in this directory.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn kill(&self) {
        let marker = format!("-Dmarty.events.services={}", self.folder.path().display());
        let killed = Command::new("pkill").args(["-9", "-f", "--", &marker]).status().expect("pkill runs");
        assert!(killed.success(), "there was a broker to kill");
    }

    fn script(&self, command: &str) -> std::process::Output {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
        Command::new(script)
            .args([command, "kafka"])
            .env("MARTY_EVENTS_SERVICES_DIR", self.folder.path())
            .output()
            .expect("the script runs")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.script("down");
    }
}

//! A Kafka of a test's own, which it may kill.

use std::{net::TcpListener, path::PathBuf, process::Command, thread};

/// A broker in a directory of its own, by the project's script; stopped and removed when it is dropped.
#[derive(Debug)]
pub struct Broker {
    folder: tempfile::TempDir,
    /// What the script is told about it besides its place.
    variables: Vec<(&'static str, String)>,
}

impl Broker {
    /// Starts it, and answers its address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> (Self, String) {
        Self::started(Vec::new())
    }

    /// Starts one that sends its clients to `advertised`, and answers its true address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start_behind(advertised: &str) -> (Self, String) {
        Self::started(vec![("MARTY_EVENTS_KAFKA_ADVERTISED", advertised.to_owned())])
    }

    fn started(variables: Vec<(&'static str, String)>) -> (Self, String) {
        let broker = Self { folder: tempfile::tempdir().expect("a directory"), variables };
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
            .env("MARTY_EVENTS_SERVICES_DIR", self.folder.path().join("services"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("the script runs")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.script("down");
    }
}

/// Three brokers that keep three copies of every topic, of which two must have a record before it is acknowledged.
#[derive(Debug)]
pub struct Cluster {
    /// The node 1 comes first.
    brokers: Vec<(Broker, String)>,
}

impl Cluster {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let ports = free.map(|listener| listener.local_addr().expect("an address").port());
        let voters = (1..).zip(ports).map(|(node, port)| format!("{node}@127.0.0.1:{port}"));
        let voters = voters.collect::<Vec<_>>().join(",");
        // None of them answers before there are two.
        let brokers = thread::scope(|scope| {
            let starts = [1, 2, 3].map(|node| {
                let variables =
                    vec![("MARTY_EVENTS_KAFKA_NODE", node.to_string()), ("MARTY_EVENTS_KAFKA_VOTERS", voters.clone())];
                scope.spawn(move || Broker::started(variables))
            });
            starts.into_iter().map(|start| start.join().expect("a broker")).collect()
        });
        Self { brokers }
    }

    /// Where clients begin.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.brokers.iter().map(|(_, address)| address.as_str()).collect::<Vec<_>>().join(",")
    }

    /// The broker with the number `node`.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn node(&self, node: i32) -> &Broker {
        let place = usize::try_from(node - 1).expect("a number from 1 on");
        &self.brokers[place].0
    }
}

//! Servers of a test's own, which it may kill.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    thread,
    time::Duration,
};

use crate::{certificates::Authority, ports, signals, wait};

/// The time that a server may take to answer, on a machine with nothing else to do.
const START: Duration = Duration::from_mins(2);

/// A server in a directory of its own, by the project's script; stopped and removed when it is dropped.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    folder: tempfile::TempDir,
    /// The script's variables, besides the server's place.
    variables: Vec<(&'static str, String)>,
}

impl Server {
    /// Starts an Apache Kafka, and answers its address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn kafka() -> (Self, String) {
        Self::start("kafka", Vec::new())
    }

    /// Starts an Apache Kafka that sends its clients to `advertised`, and answers its true address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn kafka_behind(advertised: &str) -> (Self, String) {
        Self::start("kafka", vec![("MARTY_EVENTS_KAFKA_ADVERTISED", advertised.to_owned())])
    }

    /// Starts an Apache Kafka of which the script is told more, and answers the address that asks nothing of its clients.
    pub(crate) fn kafka_with(variables: Vec<(&'static str, String)>) -> (Self, String) {
        Self::start("kafka", variables)
    }

    /// Starts an Apache Kafka that gives groups of its own kind (KIP-848) the session of 6 s that classic ones may ask for themselves; answers
    /// its address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn kafka_with_short_sessions() -> (Self, String) {
        let properties = "group.consumer.min.session.timeout.ms=6000\ngroup.consumer.session.timeout.ms=6000\n\
             group.consumer.min.heartbeat.interval.ms=1000\ngroup.consumer.heartbeat.interval.ms=2000\n";
        Self::start_with_properties(properties, Vec::new())
    }

    /// The same as [`kafka_behind`](Self::kafka_behind) of one that makes no topic by itself.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn kafka_that_makes_no_topics(advertised: &str) -> (Self, String) {
        let variables = [("MARTY_EVENTS_KAFKA_ADVERTISED", advertised), ("MARTY_EVENTS_KAFKA_MAKES_TOPICS", "false")];
        Self::start("kafka", variables.map(|(name, value)| (name, value.to_owned())).into())
    }

    /// Starts an Apache Kafka that makes no topic by itself, and answers its address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn kafka_of_given_topics() -> (Self, String) {
        Self::start("kafka", vec![("MARTY_EVENTS_KAFKA_MAKES_TOPICS", "false".to_owned())])
    }

    /// Starts an Apache Kafka with a listener of its own for each of these proxies' addresses, to which the listener sends its
    /// clients; answers its address and those of the listeners.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn kafka_behind_each(proxies: &[String]) -> (Self, String, Vec<String>) {
        let addresses: Vec<String> = proxies.iter().map(|_| format!("127.0.0.1:{}", ports::one())).collect();
        let named = |addresses: &[String]| {
            let named = addresses.iter().enumerate().map(|(place, address)| format!("PROXY{place}://{address}"));
            named.collect::<Vec<_>>().join(",")
        };
        let protocols: Vec<String> = (0..proxies.len()).map(|place| format!("PROXY{place}:PLAINTEXT")).collect();
        let protocols = protocols.join(",");
        let properties = format!(
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}\n\
             inter.broker.listener.name=PLAINTEXT\n"
        );
        let variables = vec![
            ("MARTY_EVENTS_KAFKA_LISTENERS", named(&addresses)),
            ("MARTY_EVENTS_KAFKA_LISTENERS_ADVERTISED", named(proxies)),
        ];
        let (server, address) = Self::start_with_properties(&properties, variables);
        (server, address, addresses)
    }

    /// Starts a PostgreSQL, and answers its URL.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn postgres() -> (Self, String) {
        Self::start("postgres", Vec::new())
    }

    /// Starts a PostgreSQL with lines of `postgresql.conf`, and answers its URL.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn postgres_with(settings: &str) -> (Self, String) {
        Self::start("postgres", vec![("MARTY_EVENTS_POSTGRES_SETTINGS", settings.to_owned())])
    }

    /// Starts a PostgreSQL that encrypts, for clients that trust `authority` and call it `host`; answers its URL.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn postgres_as(authority: &Authority, host: &str) -> (Self, String) {
        let identity = authority.issue(host);
        let folder = tempfile::tempdir().expect("a directory");
        fs::write(folder.path().join("server.crt"), identity.certificate).expect("a file");
        fs::write(folder.path().join("server.key"), identity.key).expect("a file");
        Self::start("postgres", vec![("MARTY_EVENTS_POSTGRES_IDENTITY", folder.path().display().to_string())])
    }

    /// Starts a MariaDB, and answers its URL.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn mariadb() -> (Self, String) {
        Self::start("mariadb", Vec::new())
    }

    fn start(name: &'static str, variables: Vec<(&'static str, String)>) -> (Self, String) {
        let server = Self { name, folder: tempfile::tempdir().expect("a directory"), variables };
        let address = server.up();
        (server, address)
    }

    /// An Apache Kafka with further properties, which it reads at every start.
    fn start_with_properties(properties: &str, mut variables: Vec<(&'static str, String)>) -> (Self, String) {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("properties");
        fs::write(&file, properties).expect("a file");
        variables.push(("MARTY_EVENTS_KAFKA_PROPERTIES", file.display().to_string()));
        let server = Self { name: "kafka", folder, variables };
        let address = server.up();
        (server, address)
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
        let line = text.lines().find_map(|line| line.strip_prefix("export ")?.split_once('='));
        line.map(|(_, address)| address.to_owned()).expect("the script names the address")
    }

    /// `kill -9`.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&self) {
        signals::send(self.process(), "KILL");
    }

    /// Stops its process in the middle of everything (`SIGSTOP`): the connections stay, and nothing is answered. A PostgreSQL has further processes.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        signals::pause(self.process());
    }

    /// Lets it go on (`SIGCONT`).
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resume(&self) {
        signals::resume(self.process());
    }

    fn process(&self) -> u32 {
        let status = self.script("status");
        let status = String::from_utf8_lossy(&status.stdout);
        let process = status.split_once("(process ").and_then(|(_, rest)| rest.split_once(')'));
        process.and_then(|(process, _)| process.parse().ok()).expect("it runs")
    }

    fn script(&self, command: &str) -> Output {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
        Command::new(script)
            .args([command, self.name])
            .env("MARTY_EVENTS_SERVICES_DIR", self.folder.path().join("services"))
            .env("MARTY_EVENTS_SERVICES_TIMEOUT", wait::patient(START).as_secs().to_string())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("the script runs")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.script("down");
    }
}

/// Three brokers that keep three copies of every topic, of which two must have a record before it is acknowledged.
#[derive(Debug)]
pub struct Cluster {
    /// The node 1 comes first.
    brokers: Vec<(Server, String)>,
}

impl Cluster {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let voters = (1..).zip(ports::free::<3>()).map(|(node, port)| format!("{node}@127.0.0.1:{port}"));
        let voters = voters.collect::<Vec<_>>().join(",");
        // None of them answers before there are two.
        let brokers = thread::scope(|scope| {
            let starts = [1, 2, 3].map(|node| {
                let variables =
                    vec![("MARTY_EVENTS_KAFKA_NODE", node.to_string()), ("MARTY_EVENTS_KAFKA_VOTERS", voters.clone())];
                scope.spawn(move || Server::start("kafka", variables))
            });
            starts.into_iter().map(|start| start.join().expect("a broker")).collect()
        });
        Self { brokers }
    }

    /// The address at which clients begin.
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
    pub fn node(&self, node: i32) -> &Server {
        let place = usize::try_from(node - 1).expect("a number from 1 on");
        &self.brokers[place].0
    }
}

//! Apache Kafka Connect with Debezium, and the CloudEvents project's reader for Java, from jars that `scripts/test` fetched.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use marty_events_tests::{http, ports, printed, servers, wait};

/// The jars' place, and the Java that runs them.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    java: PathBuf,
    jars: PathBuf,
}

impl Connect {
    /// Nothing, after reporting `test` as skipped, where it was not fetched.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let set = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let (Some(java), Some(jars)) = (set("MARTY_EVENTS_JAVA"), set("MARTY_EVENTS_CONNECT")) else {
            servers::skip(
                test,
                "MARTY_EVENTS_CONNECT is not set; run scripts/test, which fetches Kafka Connect by Maven",
            );
            return None;
        };
        Some(Self { java, jars })
    }

    /// Starts a standalone worker with these properties in `folder`, where its log is kept; waits until it answers.
    pub(crate) async fn start(&self, folder: &Path, address: &str, properties: &str) -> Worker {
        fs::write(folder.join("worker.properties"), properties).expect("a file");
        fs::write(folder.join("log4j2.properties"), printed::file("scripts/kafka/log4j2.properties")).expect("a file");
        let log = folder.join("log");
        let output = File::create(&log).expect("a file");
        let child = self
            .java()
            .args(["-Xmx384m", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=log4j2.properties"])
            .args(["org.apache.kafka.connect.cli.ConnectStandalone", "worker.properties"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the same file"))
            .stderr(output)
            .spawn()
            .expect("Java runs");
        let mut worker = Worker { child, log, address: address.to_owned() };
        wait::until("Kafka Connect to answer", || {
            let ended = worker.child.try_wait().expect("a child");
            assert!(ended.is_none(), "Kafka Connect ended: {}", worker.log());
            let answer = http::try_get(&format!("{address}/connectors"));
            async { answer.filter(|(status, _)| *status == 200) }
        })
        .await;
        worker
    }

    /// The records of the topics that begin with `prefix`, read by the Java SDK of CloudEvents: a line for each event.
    pub(crate) fn cloud_events(&self, brokers: &str, prefix: &str, count: usize) -> Vec<String> {
        let output = self
            .java()
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "org.apache.kafka.tools.consumer.ConsoleConsumer"])
            .args(["--bootstrap-server", brokers, "--include", &format!("^{prefix}\\..*"), "--from-beginning"])
            .args(["--max-messages", &count.to_string()])
            .args(["--timeout-ms", &wait::DEADLINE.as_millis().to_string()])
            .args(["--formatter-property", "value.deserializer=io.cloudevents.kafka.CloudEventDeserializer"])
            .output()
            .expect("Java runs");
        let (lines, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
        lines.lines().filter(|line| line.starts_with("CloudEvent{")).map(str::to_owned).collect()
    }

    /// The beginning of a shell's command that runs a class of the jars.
    pub(crate) fn shell(&self) -> String {
        format!("'{}' -XX:TieredStopAtLevel=1 -cp '{}/*'", self.java.display(), self.jars.display())
    }

    /// An address for a worker to answer at.
    pub(crate) fn address() -> String {
        format!("http://127.0.0.1:{}", ports::one())
    }

    fn java(&self) -> Command {
        let mut command = Command::new(&self.java);
        command.arg("-cp").arg(self.jars.join("*"));
        command
    }
}

/// A worker that runs; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
    address: String,
}

impl Worker {
    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// True if the connector and its task run.
    pub(crate) fn runs(&self, connector: &str) -> bool {
        let answer = http::try_get(&format!("{}/connectors/{connector}/status", self.address));
        let Some((200, status)) = answer else { return false };
        assert!(!status.contains("FAILED"), "{status}\n{}", self.log());
        status.matches("RUNNING").count() == 2
    }

    /// Asks it to end (`SIGTERM`), and waits for that.
    pub(crate) async fn stop(mut self) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").arg(process).status().expect("kill(1) runs");
        assert!(sent.success(), "the worker is there to be asked");
        wait::until("Kafka Connect to end", || {
            let ended = self.child.try_wait().expect("a child");
            async move { ended }
        })
        .await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only for a child that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A Kafka broker of a test's own, which the test kills, suspends and starts again.

use std::sync::Arc;

use crate::{private_servers::Server, servers};

/// The broker. It is stopped and removed when this is dropped.
#[derive(Debug)]
pub struct PrivateKafka {
    /// The address, which stays the same.
    pub bootstrap: String,
    server: Arc<Server>,
}

impl PrivateKafka {
    /// Nothing, after reporting `test` as skipped, where Kafka is missing.
    ///
    /// # Panics
    ///
    /// When the broker cannot be started.
    pub async fn start(test: &str) -> Option<Self> {
        Self::start_as(test, Server::kafka).await
    }

    /// The same for a broker that `make` starts.
    ///
    /// # Panics
    ///
    /// When the broker cannot be started.
    pub async fn start_as(test: &str, make: impl FnOnce() -> (Server, String) + Send + 'static) -> Option<Self> {
        servers::kafka(test)?;
        let (server, bootstrap) = tokio::task::spawn_blocking(make).await.expect("a broker");
        Some(Self { bootstrap, server: Arc::new(server) })
    }

    /// `kill -9`.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// Starts it again with its data, on the same port.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn restart(&self) {
        let server = self.server.clone();
        let address = tokio::task::spawn_blocking(move || server.up()).await.expect("a broker");
        assert_eq!(address, self.bootstrap, "on the same port");
    }

    /// `SIGSTOP`: its connections stay, and nothing is answered.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn suspend(&self) {
        self.server.pause();
    }

    /// `SIGCONT`.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resume(&self) {
        self.server.resume();
    }
}

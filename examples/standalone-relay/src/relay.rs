//! The relay as a process of its own. `marty-events relay` is the same, ready made.

use std::{process::Stdio, time::Duration};

use marty_events::{CancellationToken, OutboxRelay, outbox::OutboxPool};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use crate::Error;

/// The work of the relay's process, which the environment configures as it does a service.
pub(crate) async fn run() -> Result<(), Error> {
    let pool = OutboxPool::connect_lazy(&std::env::var("DATABASE_URL")?)?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        // The example stops a relay by closing its standard input; a service manager would send a signal.
        tokio::io::stdin().read_to_end(&mut Vec::new()).await.ok();
        asked.cancel();
    });
    // A short lease, so that nobody waits for 5 s to see it run out.
    OutboxRelay::builder(pool).lease_time(Duration::from_secs(1)).build()?.run(stop).await?;
    Ok(())
}

/// Such a process, in the hand of the one that started it.
pub(crate) struct Relay(Child);

impl Relay {
    pub(crate) fn start(database_url: &str, bootstrap: &str) -> Result<Self, Error> {
        let child = Command::new(std::env::current_exe()?)
            .arg("relay")
            .env("DATABASE_URL", database_url)
            .env("KAFKA_BROKERS", bootstrap)
            .env("SERVICE_NAME", "bank")
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self(child))
    }

    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        Ok(self.0.kill().await?)
    }

    /// Ends when the events in flight are settled.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        drop(self.0.stdin.take());
        let status = self.0.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("the relay ended with {status}").into()) }
    }
}

use std::fmt;

use jiff::Timestamp;
use marty_events::outbox::RelayStatus;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    database::Outbox,
    exit::Exit,
    failure::Result,
    lanes::{ranges, unowned},
    output::{Output, table},
    shared::Shared,
};

#[derive(Serialize)]
struct Status {
    pending: u64,
    oldest_pending_seconds: Option<f64>,
    dead: u64,
    published: u64,
    relays: Vec<Relay>,
    /// Lanes that no relay delivers at the moment.
    unowned_lanes: Vec<i32>,
}

#[derive(Serialize)]
struct Relay {
    #[serde(rename = "relay")]
    id: Uuid,
    started_at: Timestamp,
    is_alive: bool,
    lanes: Vec<i32>,
}

pub(crate) async fn run(shared: &Shared, output: Output) -> Result<Exit> {
    let outbox = Outbox::reached(shared).await?.repository;
    let stats = outbox.stats().await?;
    let relays = outbox.relays().await?;
    output.answer(&Status {
        pending: stats.pending,
        oldest_pending_seconds: stats.oldest_pending_age.map(|age| age.as_secs_f64()),
        dead: stats.dead,
        published: stats.published,
        unowned_lanes: unowned(&relays),
        relays: relays.into_iter().map(Relay::from).collect(),
    })?;
    Ok(Exit::Done)
}

impl From<RelayStatus> for Relay {
    fn from(relay: RelayStatus) -> Self {
        Self { id: relay.relay, started_at: relay.started_at, is_alive: relay.is_alive, lanes: relay.lanes }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = self.oldest_pending_seconds.map_or_else(|| "-".to_owned(), |age| format!("{age:.1} s"));
        writeln!(f, "pending    {}", self.pending)?;
        writeln!(f, "oldest     {oldest}")?;
        writeln!(f, "dead       {}", self.dead)?;
        writeln!(f, "published  {}", self.published)?;
        if self.relays.is_empty() {
            return writeln!(f, "relays     none");
        }
        if !self.unowned_lanes.is_empty() {
            writeln!(f, "unowned    lanes {}", ranges(&self.unowned_lanes))?;
        }
        let rows = self.relays.iter().map(|relay| {
            let state = match (relay.is_alive, relay.lanes.is_empty()) {
                (false, _) => "silent",
                (true, true) => "standing by",
                (true, false) => "working",
            };
            [relay.id.to_string(), relay.started_at.to_string(), state.to_owned(), ranges(&relay.lanes)]
        });
        write!(f, "\n{}", table(["RELAY", "STARTED", "STATE", "LANES"], rows))
    }
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn neighbours_are_told_together() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3, 5, 7-8");
        assert_eq!(ranges(&[]), "");
    }
}

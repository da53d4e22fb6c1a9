use std::fmt;

use marty_events::outbox::{OutboxStats, RelayStatus};
use serde::Serialize;

use crate::{
    database::Outbox,
    exit::Exit,
    failure::Result,
    lanes::{ranges, unowned},
    output::{Output, or_dash, table},
    shared::Shared,
    time::stamp,
};

#[derive(Serialize)]
struct Status {
    #[serde(flatten)]
    stats: OutboxStats,
    relays: Vec<RelayStatus>,
    /// Lanes that no relay delivers at the moment.
    unowned_lanes: Vec<i32>,
}

pub(crate) async fn run(shared: &Shared, output: Output) -> Result<Exit> {
    let outbox = Outbox::reached(shared).await?.repository;
    let stats = outbox.stats().await?;
    let relays = outbox.relays().await?;
    output.answer(&Status { stats, unowned_lanes: unowned(&relays), relays })?;
    Ok(Exit::Done)
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutboxStats { pending, oldest_pending_age, dead, published, .. } = self.stats;
        let oldest = oldest_pending_age.map_or_else(|| "-".to_owned(), |age| format!("{:.1} s", age.as_secs_f64()));
        writeln!(f, "pending    {pending}\noldest     {oldest}\ndead       {dead}\npublished  {published}")?;
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
            [
                relay.relay.to_string(),
                or_dash(relay.service.as_deref()),
                or_dash(relay.host.as_deref()),
                relay.process_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
                or_dash(relay.version.as_deref()),
                stamp(relay.started_at),
                state.to_owned(),
                ranges(&relay.lanes),
            ]
        });
        write!(f, "\n{}", table(["RELAY", "SERVICE", "HOST", "PID", "VERSION", "STARTED", "STATE", "LANES"], rows))
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

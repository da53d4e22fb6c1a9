//! `status`: the counts of the outbox and of the inbox's groups, or one group with its keys that wait and its lag.

mod group;

use std::fmt;

use clap::{Args, builder::NonEmptyStringValueParser};
use marty_events::{
    EventError,
    inbox::{InboxGroup, InboxRepository},
    outbox::{OutboxStats, RelayStatus},
};
use serde::Serialize;

use crate::{
    database::{GroupTable, Outbox, lacks_outbox},
    exit::Exit,
    failure::Result,
    lanes::{ranges, unowned},
    output::{Output, or_dash, table},
    plain::plain,
    shared::Shared,
    time::stamp,
};

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// Show this group of consumers alone, with its keys that wait, and with its lag if `KAFKA_BROKERS` is set [default: every group, in short].
    #[arg(long, value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    group: Option<String>,
    #[command(flatten)]
    table: GroupTable,
}

#[derive(Serialize)]
struct Status {
    /// Nothing in the database of a service that handles events and publishes none by an outbox.
    #[serde(flatten)]
    stats: Option<OutboxStats>,
    relays: Vec<RelayStatus>,
    /// Lanes that no relay delivers at the moment.
    unowned_lanes: Vec<i32>,
    /// The groups of the inbox.
    groups: Vec<InboxGroup>,
}

pub(crate) async fn run(arguments: StatusArguments, shared: &Shared, output: Output) -> Result<Exit> {
    let StatusArguments { group, table } = arguments;
    let outbox = Outbox::reached(shared).await?;
    let inbox = table.inbox_of(&outbox)?;
    if let Some(group) = group {
        return group::run(group, &inbox, shared, output).await;
    }
    let Outbox { pool, repository: outbox, .. } = outbox;
    let (stats, relays, groups) = match outbox.stats().await {
        // Where an outbox is named, it is expected to be there.
        Err(error @ EventError::OutboxTableMissing { .. }) if shared.table_name().is_none() => {
            match inbox.groups().await {
                Ok(groups) if lacks_outbox(&pool).await => (None, Vec::new(), groups),
                _ => return Err(error.into()),
            }
        }
        stats => (Some(stats?), outbox.relays().await?, groups(&inbox, table.is_named()).await?),
    };
    let unowned_lanes = if stats.is_some() { unowned(&relays) } else { Vec::new() };
    output.answer(&Status { stats, relays, unowned_lanes, groups })?;
    Ok(Exit::Done)
}

/// An inbox that nobody named may be missing, or be none of this user's business: a relay has no right on it.
async fn groups(inbox: &InboxRepository, is_named: bool) -> Result<Vec<InboxGroup>> {
    match inbox.groups().await {
        Err(EventError::InboxTableMissing { .. } | EventError::InboxForbidden { .. }) if !is_named => Ok(Vec::new()),
        groups => Ok(groups?),
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stats {
            Some(stats) => self.outbox(stats, f)?,
            None => writeln!(f, "outbox     none")?,
        }
        if self.groups.is_empty() {
            return Ok(());
        }
        let rows = self.groups.iter().map(|InboxGroup { group, stats, .. }| {
            [
                plain(group),
                stats.parked_keys.to_string(),
                stats.parked.to_string(),
                stats.dead_letters.to_string(),
                stats.oldest_parked.map_or_else(|| "-".to_owned(), stamp),
            ]
        });
        write!(f, "\n{}", table(["GROUP", "KEYS", "WAITING", "DEAD", "OLDEST"], rows))
    }
}

impl Status {
    fn outbox(&self, stats: &OutboxStats, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutboxStats { pending, oldest_pending_age, dead, published, .. } = stats;
        let oldest = oldest_pending_age.map_or_else(|| "-".to_owned(), |age| format!("{:.1} s", age.as_secs_f64()));
        writeln!(f, "pending    {pending}\noldest     {oldest}\ndead       {dead}\npublished  {published}")?;
        if self.relays.is_empty() { writeln!(f, "relays     none") } else { self.relays(f) }
    }

    fn relays(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        writeln!(f, "\n{}", table(["RELAY", "SERVICE", "HOST", "PID", "VERSION", "STARTED", "STATE", "LANES"], rows))
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

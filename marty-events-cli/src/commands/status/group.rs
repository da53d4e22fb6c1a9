//! One group: its counts, its keys that wait, and its lag.

use std::{fmt, time::Duration};

use marty_events::inbox::{InboxRepository, InboxStats, ParkedKey};
use serde::Serialize;

use crate::{
    exit::Exit,
    failure::Result,
    kafka::{
        self,
        group::{Group, Members, Position},
    },
    output::{Output, or_dash, table},
    plain::plain,
    shared::Shared,
    time::stamp,
};

/// The number of keys that are shown.
const KEYS: u32 = 20;
/// The limit of each of the brokers' answers.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct GroupStatus {
    group: String,
    #[serde(flatten)]
    stats: InboxStats,
    /// The keys that wait, at most [`KEYS`]; the one that has waited longest first.
    keys: Vec<ParkedKey>,
    /// The number of consumers; `null` where nobody was asked, or where the brokers do not tell it.
    members: Option<usize>,
    /// The number of records that are not handled yet; `null` without brokers.
    lag: Option<u64>,
    partitions: Option<Vec<Lag>>,
}

#[derive(Serialize)]
struct Lag {
    #[serde(flatten)]
    position: Position,
    lag: u64,
}

pub(super) async fn run(name: String, inbox: &InboxRepository, shared: &Shared, output: Output) -> Result<Exit> {
    let groups = inbox.groups().await?;
    let stats = groups.into_iter().find(|group| group.group == name).map(|group| group.stats).unwrap_or_default();
    let keys = inbox.parked_keys(&name, KEYS).await?;
    let mut answer = GroupStatus { group: name.clone(), stats, keys, members: None, lag: None, partitions: None };
    if !kafka::has_brokers() {
        output.answer(&answer)?;
        return Ok(Exit::Done);
    }
    let config = kafka::config(shared)?;
    let look = move || {
        let group = Group::new(&config, &name, PATIENCE)?;
        Ok((group.positions(None)?, group.members()?))
    };
    let found = tokio::task::spawn_blocking(look).await.map_err(std::io::Error::other)?;
    let fault = match found {
        Ok((positions, members)) => {
            answer.members = match members {
                Members::Nobody => Some(0),
                Members::These(members) => Some(members.len()),
                Members::Untold => None,
            };
            answer.lag = Some(positions.iter().map(Position::lag).sum());
            let lag = |position: Position| Lag { lag: position.lag(), position };
            answer.partitions = Some(positions.into_iter().map(lag).collect());
            None
        }
        Err(fault) => Some(fault),
    };
    // The database's part is told although the brokers are away.
    output.answer(&answer)?;
    fault.map_or(Ok(Exit::Done), Err)
}

impl fmt::Display for GroupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InboxStats { parked, parked_keys, dead_letters, oldest_parked, .. } = self.stats;
        let oldest = oldest_parked.map_or_else(|| "-".to_owned(), stamp);
        writeln!(f, "group      {}", plain(&self.group))?;
        writeln!(f, "keys       {parked_keys}\nwaiting    {parked}\noldest     {oldest}\ndead       {dead_letters}")?;
        if let Some(lag) = self.lag {
            let members = self.members.map_or_else(|| "not told by the brokers".to_owned(), |count| count.to_string());
            writeln!(f, "members    {members}\nlag        {lag}")?;
        }
        if !self.keys.is_empty() {
            let rows = self.keys.iter().map(|key| {
                [
                    plain(&key.key),
                    plain(&key.topic),
                    key.waiting.to_string(),
                    stamp(key.parked_at),
                    key.attempts.to_string(),
                    key.due_at.map_or_else(|| "held".to_owned(), stamp),
                    or_dash(key.reason.as_deref()),
                ]
            });
            writeln!(f, "\n{}", table(["KEY", "TOPIC", "WAITING", "SINCE", "ATTEMPTS", "NEXT TRY", "REASON"], rows))?;
            if self.keys.len() as u64 != self.stats.parked_keys {
                writeln!(f, "these are {} of the {} keys that wait", self.keys.len(), self.stats.parked_keys)?;
            }
        }
        let Some(partitions) = self.partitions.as_ref().filter(|partitions| !partitions.is_empty()) else {
            return Ok(());
        };
        let rows = partitions.iter().map(|Lag { position, lag }| {
            [
                plain(&position.topic),
                position.partition.to_string(),
                position.committed.map_or_else(|| "-".to_owned(), |offset| offset.to_string()),
                position.end.to_string(),
                lag.to_string(),
            ]
        });
        writeln!(f, "\n{}", table(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG"], rows))
    }
}

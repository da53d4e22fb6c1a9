//! A group of consumers as the brokers know it: its offsets and its members. Every call blocks the thread.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;
use marty_events::EventConfig;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode as Code,
};
use serde::Serialize;

use super::{Client, Complaints, looking, metadata, unreachable};
use crate::{
    exit::Exit,
    failure::{Failure, Result},
    plain::plain,
};

/// A client in the name of the group that does not join it.
pub(crate) struct Group {
    pub(crate) client: Client,
    name: String,
    patience: Duration,
}

/// A partition of a topic that the group reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Position {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// The first offset that the group has not handled yet; `None` where it has committed nothing.
    pub(crate) committed: Option<i64>,
    /// The first offset that the topic still has.
    pub(crate) first: i64,
    /// The offset of the next record.
    pub(crate) end: i64,
}

impl Position {
    /// The offset at which a consumer would go on. One that has committed nothing begins with the topic's first record.
    pub(crate) fn next(&self) -> i64 {
        self.committed.unwrap_or(self.first).max(self.first)
    }

    /// The number of offsets that are not handled yet.
    pub(crate) fn lag(&self) -> u64 {
        u64::try_from(self.end - self.next()).unwrap_or_default()
    }

    /// The number of offsets that the topic has dropped before the group handled them.
    pub(crate) fn lost(&self) -> u64 {
        self.committed.map_or(0, |committed| u64::try_from(self.first - committed).unwrap_or_default())
    }
}

/// The consumers that are in a group at the moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Members {
    Nobody,
    /// The client and the machine of each.
    These(Vec<String>),
    /// The brokers share out the partitions of such a group (KIP-848), and tell this client nothing of its members.
    Untold,
}

impl Group {
    pub(crate) fn new(config: &EventConfig, name: &str, patience: Duration) -> Result<Self> {
        let mut settings = looking(config)?;
        // A position that the topic has dropped is followed by its first record.
        settings.set("group.id", name).set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
        let client: Client =
            settings.create_with_context(Complaints::default()).map_err(|error| failed(name, &error))?;
        Ok(Self { client, name: name.to_owned(), patience })
    }

    /// The partitions of the topics of which the group has an offset, or of those that `is_meant` takes; in the order of their names.
    pub(crate) fn positions(&self, is_meant: Option<&dyn Fn(&str) -> bool>) -> Result<Vec<Position>> {
        let there = metadata(&self.client, self.patience).map_err(|error| unreachable(&self.client, &error))?;
        let mut asked = TopicPartitionList::new();
        // The brokers' own topics begin with `__`.
        let own = |topic: &str| !topic.starts_with("__") && is_meant.is_none_or(|is_meant| is_meant(topic));
        for topic in there.topics().iter().filter(|topic| own(topic.name())) {
            for partition in topic.partitions() {
                asked.add_partition(topic.name(), partition.id());
            }
        }
        if asked.count() == 0 {
            return Ok(Vec::new());
        }
        let told = self.client.committed_offsets(asked, self.patience).map_err(|error| self.failed(&error))?;
        let committed = |offset: Offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        let elements = told.elements();
        let read: HashSet<&str> = elements
            .iter()
            .filter(|one| committed(one.offset()).is_some())
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::topic)
            .collect();
        let mut positions = Vec::new();
        for one in &elements {
            if is_meant.is_some() || read.contains(one.topic()) {
                let (topic, partition) = (one.topic().to_owned(), one.partition());
                let ends = self.client.fetch_watermarks(&topic, partition, self.patience);
                let (first, end) = ends.map_err(|error| self.failed(&error))?;
                positions.push(Position { topic, partition, committed: committed(one.offset()), first, end });
            }
        }
        positions.sort_unstable_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
        Ok(positions)
    }

    /// The first offset of each partition at this time or later, and the partition's end where there is none.
    pub(crate) fn offsets_at(&self, positions: &[Position], time: Timestamp) -> Result<HashMap<i32, i64>> {
        let mut asked = TopicPartitionList::new();
        for position in positions {
            let time = Offset::Offset(time.as_millisecond().max(0));
            let added = asked.add_partition_offset(&position.topic, position.partition, time);
            added.map_err(|error| self.failed(&error))?;
        }
        let told = self.client.offsets_for_times(asked, self.patience).map_err(|error| self.failed(&error))?;
        let at = |position: &Position| {
            let found = told.find_partition(&position.topic, position.partition).map(|one| one.offset());
            if let Some(Offset::Offset(offset)) = found { offset } else { position.end }
        };
        Ok(positions.iter().map(|position| (position.partition, at(position))).collect())
    }

    pub(crate) fn members(&self) -> Result<Members> {
        let groups = self.client.fetch_group_list(Some(&self.name), self.patience);
        let groups = groups.map_err(|error| self.failed(&error))?;
        let Some(group) = groups.groups().iter().find(|group| group.name() == self.name) else {
            return Ok(Members::Nobody);
        };
        let members: Vec<String> = group
            .members()
            .iter()
            .map(|member| format!("{} at {}", member.client_id(), member.client_host()))
            .collect();
        Ok(match (members.is_empty(), group.state()) {
            (false, _) => Members::These(members),
            // A group of the other protocol is in the list, and its description is that of one that is gone.
            (true, "Dead" | "") => Members::Untold,
            (true, _) => Members::Nobody,
        })
    }

    /// Sets the group's offsets of a topic. The broker refuses it as long as the group has members.
    pub(crate) fn commit(&self, topic: &str, offsets: impl IntoIterator<Item = (i32, i64)>) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            let added = list.add_partition_offset(topic, partition, Offset::Offset(offset));
            added.map_err(|error| self.failed(&error))?;
        }
        let refused = |error: &KafkaError| match error.rdkafka_error_code() {
            Some(
                Code::UnknownMemberId
                | Code::IllegalGeneration
                | Code::RebalanceInProgress
                | Code::StaleMemberEpoch
                | Code::FencedMemberEpoch,
            ) => has_members(&self.name, "the broker says so").because(error),
            _ => self.failed(error),
        };
        self.client.commit(&list, CommitMode::Sync).map_err(|error| refused(&error))?;
        // The answer for each partition is in the list alone, which the client keeps to itself.
        let told = self.client.committed_offsets(list.clone(), self.patience).map_err(|error| self.failed(&error))?;
        if told == list {
            return Ok(());
        }
        Err(Failure::new(Exit::Failed, format!("the offsets of the group {} are not set", plain(&self.name)))
            .advise("run the command again; it is safe to repeat"))
    }

    pub(crate) fn failed(&self, error: &KafkaError) -> Failure {
        failed(&self.name, error)
    }
}

/// The refusal to change a group that somebody is in.
pub(crate) fn has_members(group: &str, members: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the group {} has members: {}", plain(group), plain(members)))
        .advise("stop every consumer of the group, and run the command again: a consumer would commit its own offsets")
}

fn failed(group: &str, error: &KafkaError) -> Failure {
    let advice = match error.rdkafka_error_code() {
        Some(Code::GroupAuthorizationFailed) => "let the brokers' ACLs allow this user READ on the group",
        Some(Code::TopicAuthorizationFailed) => "let the brokers' ACLs allow this user READ on the topics",
        _ => "check the broker with `marty-events doctor`",
    };
    let failure = Failure::new(Exit::Failed, format!("the offsets of the group {} could not be read", plain(group)));
    failure.because(error).advise(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_goes_on_at_its_offset_or_at_the_first_record_that_is_left() {
        let at = |committed, first, end| Position { topic: "t".to_owned(), partition: 0, committed, first, end };
        for (position, next, lag, lost) in [
            (at(Some(5), 0, 8), 5, 3, 0),
            (at(None, 2, 8), 2, 6, 0),
            (at(Some(5), 7, 8), 7, 1, 2),
            // The topic was made anew.
            (at(Some(9), 0, 3), 9, 0, 0),
        ] {
            assert_eq!((position.next(), position.lag(), position.lost()), (next, lag, lost));
        }
    }
}

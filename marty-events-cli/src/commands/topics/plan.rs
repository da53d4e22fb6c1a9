//! The difference between a file and a cluster.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::file::Wanted;
use crate::{
    output::{self, or_dash},
    plain::plain,
};

/// A topic as it is.
#[derive(Debug, Default)]
pub(super) struct Existing {
    pub(super) partitions: usize,
    pub(super) replication: usize,
    pub(super) config: BTreeMap<String, String>,
}

/// A step for each topic of the file.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// True if the steps were carried out.
    applied: bool,
    pub(super) topics: Vec<Step>,
}

#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) topic: String,
    pub(super) action: Action,
    /// The number to be, or the broker's default.
    pub(super) partitions: Option<u16>,
    pub(super) replication: Option<u16>,
    pub(super) config: BTreeMap<String, String>,
    /// Differences, or the reason why nothing is planned.
    remarks: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    Create,
    AddPartitions,
    Keep,
    /// A part of the name is known at run time alone.
    Skip,
    /// The topic differs in a way that this command does not change.
    Refuse,
}

impl Plan {
    pub(super) fn new(wanted: Vec<Wanted>, existing: &BTreeMap<String, Existing>, may_add_partitions: bool) -> Self {
        let step = |wanted: Wanted| {
            let (action, remarks) = match existing.get(&wanted.name) {
                _ if wanted.is_pattern => (Action::Skip, vec!["a part of its name is known at run time".to_owned()]),
                None => (Action::Create, Vec::new()),
                Some(existing) => compared(&wanted, existing, may_add_partitions),
            };
            let Wanted { name, partitions, replication, config, .. } = wanted;
            Step { topic: name, action, partitions, replication, config, remarks }
        };
        Self { applied: false, topics: wanted.into_iter().map(step).collect() }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.topics.iter().any(|step| step.action == Action::Refuse)
    }

    pub(super) fn done(&mut self) {
        self.applied = true;
    }

    pub(super) fn steps(&self, action: Action) -> impl Iterator<Item = &Step> {
        self.topics.iter().filter(move |step| step.action == action)
    }
}

fn compared(wanted: &Wanted, existing: &Existing, may_add_partitions: bool) -> (Action, Vec<String>) {
    let mut remarks = Vec::new();
    let mut action = Action::Keep;
    if let Some(partitions) = wanted.partitions.map(usize::from) {
        let now = existing.partitions;
        if partitions < now {
            remarks.push(format!("it has {now} partitions, and partitions cannot be removed: write {now} or more"));
        } else if now < partitions && may_add_partitions {
            action = Action::AddPartitions;
        } else if now < partitions {
            remarks.push(format!(
                "it has {now} partitions; more of them move keys to other partitions: write {now}, or give --add-partitions"
            ));
        }
    }
    if let Some(replication) = wanted.replication.map(usize::from)
        && replication != existing.replication
    {
        let now = existing.replication;
        remarks.push(format!(
            "it has {now} copies: write {now}, or move its partitions with kafka-reassign-partitions.sh"
        ));
    }
    for (name, value) in &wanted.config {
        let now = existing.config.get(name);
        if now != Some(value) {
            let now = now.map_or("no value that can be read", String::as_str);
            remarks.push(format!("{name} is {now}: write that, or change it with kafka-configs.sh"));
        }
    }
    if remarks.is_empty() { (action, remarks) } else { (Action::Refuse, remarks) }
}

impl Action {
    fn word(self, is_done: bool) -> &'static str {
        match self {
            Self::Create if is_done => "created",
            Self::Create => "create",
            Self::AddPartitions if is_done => "partitions added",
            Self::AddPartitions => "add partitions",
            Self::Keep => "keep",
            Self::Skip => "skip",
            Self::Refuse => "differs",
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.topics.is_empty() {
            return f.write_str("the file has no topics");
        }
        let number = |number: Option<u16>| or_dash(number.map(|number| number.to_string()).as_deref());
        let rows = self.topics.iter().map(|step| {
            let config: Vec<String> = step.config.iter().map(|(name, value)| format!("{name}={value}")).collect();
            [
                plain(&step.topic),
                step.action.word(self.applied).to_owned(),
                number(step.partitions),
                number(step.replication),
                or_dash(Some(config.join(" ")).as_deref().filter(|text| !text.is_empty())),
                plain(&step.remarks.join("; ")),
            ]
        });
        f.write_str(&output::table(["TOPIC", "ACTION", "PARTITIONS", "COPIES", "CONFIG", "REMARK"], rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(partitions: u16, may_add: bool) -> Action {
        let wanted = Wanted {
            name: "t".to_owned(),
            partitions: Some(partitions),
            replication: Some(1),
            config: BTreeMap::from([("retention.ms".to_owned(), "5".to_owned())]),
            is_pattern: false,
        };
        let existing = Existing { partitions: 3, replication: 1, config: wanted.config.clone() };
        Plan::new(vec![wanted], &BTreeMap::from([("t".to_owned(), existing)]), may_add).topics[0].action
    }

    #[test]
    fn partitions_are_added_on_request_and_never_removed() {
        assert_eq!([action(3, false), action(3, true)], [Action::Keep; 2]);
        assert_eq!([action(2, false), action(2, true)], [Action::Refuse; 2]);
        assert_eq!([action(4, false), action(4, true)], [Action::Refuse, Action::AddPartitions]);
    }
}

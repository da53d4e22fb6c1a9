//! Checks of groups of consumers at the brokers: their topics' retention, their offsets and their members.

use std::{collections::BTreeSet, time::Duration};

use marty_events::EventConfig;
use rdkafka::{
    admin::{AdminClient, ResourceSpecifier},
    client::DefaultClientContext,
};

use super::{
    report::{Check, Report},
    topics::{Settings, settings},
};
use crate::{
    failure::{Failure, Result},
    kafka::{
        self,
        group::{Group, Members, Position},
    },
    plain::plain,
    time::in_words,
};

/// A group as the brokers know it.
struct Found {
    name: String,
    positions: Vec<Position>,
    members: Members,
}

pub(super) async fn check(
    config: EventConfig,
    groups: Vec<String>,
    inbox_retention: Option<Duration>,
    patience: Duration,
    report: &mut Report,
) -> Result<()> {
    let admin = kafka::looking(&config)?.create::<AdminClient<DefaultClientContext>>();
    let look = move || groups.into_iter().map(|name| look(&config, name, patience)).collect::<Result<Vec<Found>>>();
    let found = match tokio::task::spawn_blocking(look).await.map_err(std::io::Error::other)? {
        Ok(found) => found,
        Err(Failure { error, causes, advice, .. }) => {
            let found = std::iter::once(error).chain(causes).collect::<Vec<_>>().join(": ");
            report.add(Check::failed("group-offsets", found, advice.unwrap_or_default()));
            return Ok(());
        }
    };
    let topics: BTreeSet<&str> =
        found.iter().flat_map(|group| group.positions.iter().map(|position| &*position.topic)).collect();
    if let Ok(admin) = admin {
        let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let settings = settings(&admin, &asked, patience).await;
        report.add(retention(&settings, &topics, inbox_retention));
    }
    report.add(offsets(&found));
    report.add(members(&found));
    Ok(())
}

fn look(config: &EventConfig, name: String, patience: Duration) -> Result<Found> {
    let group = Group::new(config, &name, patience)?;
    Ok(Found { positions: group.positions(None)?, members: group.members()?, name })
}

/// The time for which a topic keeps a record, as the brokers say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    For(Duration),
    Forever,
}

impl Kept {
    /// Whole segments are deleted, so a record may outlive `retention.ms` by `segment.ms`. A consumer counts in the same way.
    fn of<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        if !setting("cleanup.policy")?.contains("delete") {
            return Some(Self::Forever);
        }
        let time = |name| setting(name)?.parse().ok().map(Duration::from_millis);
        let rest = time("segment.ms").unwrap_or_default();
        Some(time("retention.ms").map_or(Self::Forever, |kept| Self::For(kept.saturating_add(rest))))
    }
}

fn retention(settings: &Settings, topics: &BTreeSet<&str>, inbox: Option<Duration>) -> Check {
    let name = "inbox-retention";
    let mut longest: Option<(Kept, &str)> = None;
    for topic in topics.iter().copied() {
        let Some(kept) = Kept::of(|setting| settings.of_topic(topic, setting)) else {
            let found = format!("the brokers do not tell for how long {topic} keeps records ({})", settings.problem);
            let advice = "let the ACLs allow DESCRIBE_CONFIGS on the groups' topics; a consumer without it remembers for its inbox_retention \
                          alone, which must not be less than retention.ms and segment.ms together";
            return Check::warning(name, found, advice);
        };
        longest = longest.max(Some((kept, topic)));
    }
    let Some((kept, topic)) = longest else { return Check::ok(name, "the groups have read no topic") };
    let (found, least) = match kept {
        Kept::For(time) => (format!("{topic} keeps records for {}", in_words(time)), least(time)),
        Kept::Forever => (format!("{topic} keeps records for ever"), format!("{LONGEST} d, the longest")),
    };
    let reads = "a consumer that may read the topic's settings remembers for as long";
    match inbox {
        Some(time) if kept <= Kept::For(time) => {
            Check::ok(name, format!("{found} at the most, and the inbox remembers for {}", in_words(time)))
        }
        Some(time) => Check::warning(
            name,
            format!("{found}, and the inbox remembers for {}", in_words(time)),
            format!("set inbox_retention to {least}; {reads}, whatever is set"),
        ),
        None => Check::ok(name, format!("{found}; {reads}, and any other needs an inbox_retention of {least}")),
    }
}

/// The longest setting of a consumer, in days.
const LONGEST: u64 = 36_500;

/// The least setting in whole hours: `336 h`.
fn least(time: Duration) -> String {
    format!("{} h", time.as_millis().div_ceil(3_600_000))
}

fn offsets(groups: &[Found]) -> Check {
    let name = "group-offsets";
    let mut lost = Vec::new();
    for group in groups {
        for position in group.positions.iter().filter(|position| 0 < position.lost()) {
            let Position { topic, partition, first, .. } = position;
            let lost_there = position.lost();
            lost.push(format!(
                "{}: {topic}, partition {partition} begins at {first} now, and {lost_there} records before were never handled",
                plain(&group.name)
            ));
        }
    }
    if !lost.is_empty() {
        let advice = "lengthen the topics' retention.ms, and find out why the group lags; it goes on at the first record that is left";
        return Check::failed(name, lost.join("\n"), advice);
    }
    let without: Vec<String> =
        groups.iter().filter(|group| group.positions.is_empty()).map(|group| plain(&group.name)).collect();
    if without.is_empty() {
        return Check::ok(name, "no topic has deleted a record before it was handled");
    }
    let advice = "start the group's consumer once, or check KAFKA_BROKERS; after a long pause the brokers forget a group's offsets, and it \
                  begins anew";
    Check::warning(name, format!("no offsets at these brokers: {}", without.join(", ")), advice)
}

fn members(groups: &[Found]) -> Check {
    let name = "group-members";
    let mut is_abandoned = false;
    let lines = groups.iter().map(|group| {
        let lag: u64 = group.positions.iter().map(Position::lag).sum();
        let members = match &group.members {
            Members::These(members) => format!("members: {}", members.len()),
            Members::Untold => "the brokers do not tell its members (KIP-848)".to_owned(),
            Members::Nobody => {
                is_abandoned |= 0 < lag;
                "no member".to_owned()
            }
        };
        format!("{}: {members}; {lag} records wait", plain(&group.name))
    });
    let found = lines.collect::<Vec<_>>().join("\n");
    if is_abandoned {
        return Check::failed(
            name,
            found,
            "start the consumers of the groups without a member; if they should run, read their logs",
        );
    }
    Check::ok(name, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_keeps_records_for_its_retention_and_a_segment() {
        let week = "604800000";
        for (policy, retention, segment, kept) in [
            ("delete", week, week, Some(Kept::For(Duration::from_hours(14 * 24)))),
            ("compact,delete", week, "0", Some(Kept::For(Duration::from_hours(7 * 24)))),
            ("delete", "-1", week, Some(Kept::Forever)),
            ("compact", week, week, Some(Kept::Forever)),
            ("", "", "", None),
        ] {
            let told = Kept::of(|name| match name {
                _ if policy.is_empty() => None,
                "cleanup.policy" => Some(policy),
                "retention.ms" => Some(retention),
                _ => Some(segment),
            });
            assert_eq!(told, kept);
        }
        assert_eq!(least(Duration::from_millis(3_600_001)), "2 h");
    }
}

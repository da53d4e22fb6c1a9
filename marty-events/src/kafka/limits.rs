//! Limits of topics: the largest record that one takes, and the time that it keeps records.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

#[cfg(all(feature = "consumer", feature = "_database"))]
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigResourceResult, OwnedResourceSpecifier, ResourceSpecifier},
    client::DefaultClientContext,
};

use crate::config::EventConfig;

/// The time limit for the brokers' answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most topics in one question.
const MOST_TOPICS: usize = 16;

/// The limit of one topic.
pub(crate) async fn longest_message_of(config: &EventConfig, topic: &str) -> Option<u64> {
    let topic: Arc<str> = topic.into();
    longest_messages(config, &BTreeSet::from([topic.clone()])).await.get(&topic)?.parse().ok()
}

/// `max.message.bytes` of these topics, as far as the brokers say it to this client.
pub(crate) async fn longest_messages(config: &EventConfig, topics: &BTreeSet<Arc<str>>) -> BTreeMap<Arc<str>, String> {
    let asked: Vec<&str> = topics.iter().take(MOST_TOPICS).map(|topic| &**topic).collect();
    let found = described(config, &asked).await.unwrap_or_default();
    let limits = found.into_iter().flatten().filter_map(|resource| {
        let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else { return None };
        let limit = resource.get("max.message.bytes")?.value.clone()?;
        Some((topics.get(topic.as_str())?.clone(), limit))
    });
    limits.collect()
}

/// The time for which some topics keep records.
#[cfg(all(feature = "consumer", feature = "_database"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    /// One of them has no limit of time.
    Forever,
    For(Duration),
    /// The brokers do not tell it to this client.
    Closed,
    /// The brokers did not answer, or a topic is not there yet.
    Unanswered,
}

/// The longest retention of these topics. A record may outlive `retention.ms` by `segment.ms`, because whole segments are deleted.
#[cfg(all(feature = "consumer", feature = "_database"))]
pub(crate) async fn longest_retention(config: &EventConfig, topics: &[String]) -> Retention {
    let mut longest = Duration::ZERO;
    let mut is_told = false;
    for asked in topics.chunks(MOST_TOPICS) {
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let Some(found) = described(config, &asked).await else { return Retention::Unanswered };
        for resource in found {
            match resource {
                Ok(resource) => {
                    is_told = true;
                    match kept(|name| resource.get(name)?.value.as_deref()) {
                        Some(time) => longest = longest.max(time),
                        None => return Retention::Forever,
                    }
                }
                Err(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {}
                Err(_) => return Retention::Unanswered,
            }
        }
    }
    if is_told { Retention::For(longest) } else { Retention::Closed }
}

/// Nothing for a topic whose records stay.
#[cfg(all(feature = "consumer", feature = "_database"))]
fn kept<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    if !setting("cleanup.policy").unwrap_or("delete").contains("delete") {
        return None;
    }
    let time = |name| setting(name)?.parse().ok().map(Duration::from_millis);
    Some(time("retention.ms")? + time("segment.ms").unwrap_or_default())
}

/// The settings of some topics, or of none where the brokers do not answer.
async fn described(config: &EventConfig, topics: &[&str]) -> Option<Vec<ConfigResourceResult>> {
    let admin = super::client_config(config).ok()?.create::<AdminClient<DefaultClientContext>>().ok()?;
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answer = tokio::time::timeout(PATIENCE * 2, admin.describe_configs(&asked, &options)).await;
    // Dropping it waits for its thread.
    tokio::task::spawn_blocking(move || drop(admin));
    answer.ok()?.ok()
}

#[cfg(all(test, feature = "consumer", feature = "_database"))]
mod tests {
    use super::*;

    #[test]
    fn a_topic_keeps_a_record_for_its_time_and_the_one_of_its_segment() {
        let day = Duration::from_hours(24);
        for (settings, expected) in [
            (
                &[("cleanup.policy", "delete"), ("retention.ms", "86400000"), ("segment.ms", "86400000")][..],
                Some(day * 2),
            ),
            (&[("retention.ms", "86400000")], Some(day)),
            (&[("cleanup.policy", "compact,delete"), ("retention.ms", "86400000")], Some(day)),
            (&[("cleanup.policy", "compact"), ("retention.ms", "86400000")], None),
            (&[("cleanup.policy", "delete"), ("retention.ms", "-1"), ("segment.ms", "86400000")], None),
            (&[("cleanup.policy", "delete")], None),
        ] {
            let found = kept(|name| settings.iter().find(|(own, _)| *own == name).map(|(_, value)| *value));
            assert_eq!(found, expected, "{settings:?}");
        }
    }
}

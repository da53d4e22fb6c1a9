//! The largest record that a topic takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier},
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
    let admin =
        super::client_config(config).ok().and_then(|client| client.create::<AdminClient<DefaultClientContext>>().ok());
    let Some(admin) = admin else { return BTreeMap::new() };
    let asked: Vec<_> = topics.iter().take(MOST_TOPICS).map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answer = tokio::time::timeout(PATIENCE * 2, admin.describe_configs(&asked, &options)).await;
    // Dropping it waits for its thread.
    tokio::task::spawn_blocking(move || drop(admin));
    let found = answer.ok().and_then(Result::ok).unwrap_or_default();
    let limits = found.into_iter().flatten().filter_map(|resource| {
        let OwnedResourceSpecifier::Topic(topic) = &resource.specifier else { return None };
        let limit = resource.get("max.message.bytes")?.value.clone()?;
        Some((topics.get(topic.as_str())?.clone(), limit))
    });
    limits.collect()
}

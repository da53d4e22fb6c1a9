//! Topics that take small records only, and how many records topics hold.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    metadata::MetadataPartition,
    types::RDKafkaErrorCode,
};

use crate::wait;

/// The time that the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The time that a cluster may take to find its controller, on a machine that starts other clusters besides.
const CONTROLLER: Duration = Duration::from_mins(3);

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client")
}

/// One try does not wait as long as all of them may: a client that met a cluster without a controller asks it too seldom.
fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(wait::patient(ANSWER)))
}

/// Makes a topic. An earlier try may have made it and lost its answer.
async fn make_new(bootstrap: &str, new: &NewTopic<'_>) {
    let answers = wait::within(CONTROLLER, "the answer of a controller", || async {
        admin(bootstrap).create_topics([new], &options()).await.ok()
    })
    .await;
    for created in answers {
        match created {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => panic!("{topic} is not made: {code}"),
        }
    }
}

/// Makes a topic of one partition that takes batches of `longest` bytes at the most.
///
/// # Panics
///
/// When the broker refuses.
pub async fn create(bootstrap: &str, topic: &str, longest: u32) {
    let longest = longest.to_string();
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("max.message.bytes", &longest);
    make_new(bootstrap, &new).await;
}

/// Makes a topic of `partitions` partitions with one copy each, and with these settings.
///
/// # Panics
///
/// When the broker refuses.
pub async fn make(bootstrap: &str, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
    make_new(bootstrap, &new).await;
}

/// Makes a topic with a partition on each of these nodes, which has no copy elsewhere.
///
/// # Panics
///
/// When the cluster refuses.
pub async fn place(bootstrap: &str, topic: &str, nodes: &[i32]) {
    let copies: Vec<[i32; 1]> = nodes.iter().map(|node| [*node]).collect();
    let copies: Vec<&[i32]> = copies.iter().map(|node| &node[..]).collect();
    let partitions = i32::try_from(nodes.len()).expect("a few nodes");
    let new = NewTopic::new(topic, partitions, TopicReplication::Variable(&copies)).set("min.insync.replicas", "1");
    make_new(bootstrap, &new).await;
}

/// Deletes a topic.
///
/// # Panics
///
/// When the broker refuses.
pub async fn delete(bootstrap: &str, topic: &str) {
    let answers = admin(bootstrap).delete_topics(&[topic], &options()).await.expect("an answer");
    for deleted in answers {
        deleted.expect("a deleted topic");
    }
}

/// Lets a topic take batches of `longest` bytes from now on.
///
/// # Panics
///
/// When the broker refuses.
pub async fn widen(bootstrap: &str, topic: &str, longest: u32) {
    alter(bootstrap, topic, &[("max.message.bytes", &longest.to_string())]).await;
}

/// Gives a topic these settings, and no others; waits for a cluster that has to find its controller first, and until a broker tells them. It does not
/// wait for settings that are gone.
///
/// # Panics
///
/// When the broker refuses.
pub async fn alter(bootstrap: &str, topic: &str, settings: &[(&str, &str)]) {
    let topic = ResourceSpecifier::Topic(topic);
    alter_any(bootstrap, topic, settings).await;
    // The controller has the settings; the broker acts by them a moment later.
    wait::until(format_args!("the settings {settings:?}"), || async {
        let found = admin(bootstrap).describe_configs([&topic], &options()).await.ok()?.pop()?.ok()?;
        let has =
            |(name, value): &(&str, &str)| found.get(name).and_then(|entry| entry.value.as_deref()) == Some(*value);
        settings.iter().all(has).then_some(())
    })
    .await;
}

/// Gives the only broker these settings, which its topics have that set none.
///
/// # Panics
///
/// When the broker refuses.
pub async fn alter_broker(bootstrap: &str, settings: &[(&str, &str)]) {
    alter_any(bootstrap, ResourceSpecifier::Broker(1), settings).await;
}

async fn alter_any(bootstrap: &str, whose: ResourceSpecifier<'_>, settings: &[(&str, &str)]) {
    let answers = wait::within(CONTROLLER, "the answer of a controller", || async {
        let change = AlterConfig::new(whose);
        let change = settings.iter().fold(change, |change, (name, value)| change.set(name, value));
        admin(bootstrap).alter_configs([&change], &options()).await.ok()
    })
    .await;
    for changed in answers {
        changed.expect("changed settings");
    }
}

/// The number of records in the topics whose names begin with `prefix`. The broker has acknowledged them. Nothing is waited for, so that a
/// test can say that none is there.
///
/// # Panics
///
/// When the broker does not answer.
pub async fn records(bootstrap: &str, prefix: &str) -> i64 {
    let (bootstrap, prefix) = (bootstrap.to_owned(), format!("{prefix}."));
    let count = move || {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &bootstrap).create().expect("a consumer");
        let metadata = consumer.fetch_metadata(None, wait::patient(ANSWER)).expect("the topics");
        let topics = metadata.topics().iter().filter(|topic| topic.name().starts_with(&prefix));
        let partitions =
            topics.flat_map(|topic| topic.partitions().iter().map(|partition| (topic.name(), partition.id())));
        partitions
            .map(|(topic, partition)| {
                let (first, next) =
                    consumer.fetch_watermarks(topic, partition, wait::patient(ANSWER)).expect("the offsets");
                next - first
            })
            .sum()
    };
    tokio::task::spawn_blocking(count).await.expect("no panic")
}

/// The broker that leads the first partition of a topic.
///
/// # Panics
///
/// When the brokers do not answer.
pub async fn leader(bootstrap: &str, topic: &str) -> i32 {
    partitions(bootstrap, topic, MetadataPartition::leader).await[0]
}

/// Waits until every copy of a topic is up to date.
///
/// # Panics
///
/// When the brokers do not answer.
pub async fn until_whole(bootstrap: &str, topic: &str) {
    wait::until("copies that are up to date", || async {
        let behind = partitions(bootstrap, topic, |partition| partition.replicas().len() - partition.isr().len()).await;
        behind.iter().all(|behind| *behind == 0).then_some(())
    })
    .await;
}

async fn partitions<T: Send + 'static>(
    bootstrap: &str,
    topic: &str,
    of: impl Fn(&MetadataPartition) -> T + Send + 'static,
) -> Vec<T> {
    let (bootstrap, topic) = (bootstrap.to_owned(), topic.to_owned());
    let read = move || {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &bootstrap).create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(&topic), wait::patient(ANSWER)).expect("the topic");
        metadata.topics()[0].partitions().iter().map(of).collect()
    };
    tokio::task::spawn_blocking(read).await.expect("no panic")
}

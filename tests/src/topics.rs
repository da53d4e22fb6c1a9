//! Topics that take small records only, and how many records topics hold.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client")
}

/// Makes a topic of one partition that takes batches of `longest` bytes at the most.
///
/// # Panics
///
/// When the broker refuses.
pub async fn create(bootstrap: &str, topic: &str, longest: u32) {
    let longest = longest.to_string();
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("max.message.bytes", &longest);
    let answers = admin(bootstrap).create_topics([&new], &AdminOptions::new()).await.expect("an answer");
    for created in answers {
        created.expect("a new topic");
    }
}

/// Lets a topic take batches of `longest` bytes from now on.
///
/// # Panics
///
/// When the broker refuses.
pub async fn widen(bootstrap: &str, topic: &str, longest: u32) {
    let longest = longest.to_string();
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &longest);
    let answers = admin(bootstrap).alter_configs([&change], &AdminOptions::new()).await.expect("an answer");
    for changed in answers {
        changed.expect("a changed topic");
    }
}

/// How many records the topics hold whose names begin with `prefix`: what the broker has acknowledged so far, with nothing
/// to wait for, so that it can be said that there is none.
///
/// # Panics
///
/// When the broker does not answer.
pub async fn records(bootstrap: &str, prefix: &str) -> i64 {
    let (bootstrap, prefix) = (bootstrap.to_owned(), format!("{prefix}."));
    let count = move || {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &bootstrap).create().expect("a consumer");
        let metadata = consumer.fetch_metadata(None, ANSWER).expect("the topics");
        let topics = metadata.topics().iter().filter(|topic| topic.name().starts_with(&prefix));
        let partitions =
            topics.flat_map(|topic| topic.partitions().iter().map(|partition| (topic.name(), partition.id())));
        partitions
            .map(|(topic, partition)| {
                let (first, next) = consumer.fetch_watermarks(topic, partition, ANSWER).expect("the offsets");
                next - first
            })
            .sum()
    };
    tokio::task::spawn_blocking(count).await.expect("no panic")
}

//! Any Kafka consumer will do; this one prints.

use std::time::Duration;

use console::style;
use rdkafka::{
    ClientConfig, Message,
    consumer::{Consumer, StreamConsumer},
    message::Headers,
};

/// Prints records until there were `count` of them, or `limit` has passed; answers how many there were.
pub(crate) async fn print(bootstrap: &str, count: usize, limit: Duration) -> Result<usize, rdkafka::error::KafkaError> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "quickstart")
        .set("auto.offset.reset", "earliest")
        .set("topic.metadata.refresh.interval.ms", "200")
        .create()?;
    consumer.subscribe(&["^marty\\..*"])?;
    let deadline = tokio::time::Instant::now() + limit;
    let mut printed = 0;
    while printed < count {
        let Ok(received) = tokio::time::timeout_at(deadline, consumer.recv()).await else { break };
        // A topic that is not there yet is no reason to stop.
        if let Ok(message) = received {
            show(&message);
            printed += 1;
        }
    }
    Ok(printed)
}

fn show(message: &impl Message) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let label = |label| style(label).dim();
    println!("{}   {}", label("topic"), style(message.topic()).cyan().bold());
    println!("{}     {}", label("key"), style(message.key().map(text).unwrap_or_default()).yellow());
    for header in message.headers().into_iter().flat_map(Headers::iter) {
        println!("{}  {}: {}", label("header"), header.key, header.value.map(text).unwrap_or_default());
    }
    let value: serde_json::Value = serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default();
    let value = serde_json::to_string_pretty(&value).unwrap_or_default().replace('\n', "\n        ");
    println!("{}   {value}\n", label("value"));
}

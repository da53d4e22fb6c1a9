//! The properties of a member's client (librdkafka, CONFIGURATION.md).

use std::time::Duration;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use crate::{
    EventError,
    config::EventConfig,
    kafka::{LONGEST_RECONNECT_PAUSE, settings::client_config},
};

/// The way in which a group shares its partitions out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum GroupProtocol {
    /// The members agree among themselves, and keep most partitions while they do (`cooperative-sticky`). Every broker has it.
    #[default]
    Classic,
    /// The broker shares them out (KIP-848, `group.protocol=consumer`): Apache Kafka 4.0 and later.
    Consumer,
}

/// The first record of a partition of which the group has no offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StartAt {
    /// The first one that the topic still has.
    #[default]
    Earliest,
    /// The next one that is written. The group keeps the end of each partition at its first assignment, so a later start goes on there, also
    /// where no record was handled yet.
    Latest,
}

#[derive(Debug, Clone)]
pub(crate) struct MemberSettings {
    pub(crate) group: String,
    pub(crate) protocol: GroupProtocol,
    pub(crate) start_at: StartAt,
    /// The time that a hand-over waits for records at work.
    pub(crate) hand_over_time: Duration,
    /// The most bytes that the client reads ahead.
    pub(crate) read_ahead: usize,
    pub(crate) properties: Vec<(String, String)>,
}

/// Properties of members that the consumer sets itself, each with the setting to use instead, or the promise that it would break.
const OWN: [(&str, &str); 21] = [
    ("bootstrap.servers", "set KAFKA_BROKERS"),
    ("metadata.broker.list", "set KAFKA_BROKERS"),
    ("security.protocol", "set KAFKA_SECURITY_PROTOCOL"),
    ("sasl.mechanism", "set KAFKA_SASL_MECHANISM"),
    ("sasl.mechanisms", "set KAFKA_SASL_MECHANISM"),
    ("sasl.username", "set KAFKA_SASL_USERNAME"),
    ("sasl.password", "set KAFKA_SASL_PASSWORD"),
    ("ssl.ca.location", "set KAFKA_SSL_CA_LOCATION"),
    ("group.id", "call `group`"),
    ("group.protocol", "call `group_protocol`"),
    ("auto.offset.reset", "call `start_at`"),
    ("enable.auto.commit", "leave it out: offsets are committed after the database's commit"),
    ("auto.commit.enable", "leave it out: offsets are committed after the database's commit"),
    ("enable.auto.offset.store", "leave it out: a record that was only read would count as handled"),
    ("enable.partition.eof", "leave it out: it makes errors of ends"),
    ("offset.store.method", "leave it out: offsets are the group's, at the broker"),
    ("partition.assignment.strategy", "leave it out: `cooperative-sticky` keeps partitions at work during a rebalance"),
    ("check.crcs", "leave it out: damaged records are refused"),
    ("plugin.library.paths", "leave it out: a plugin could change or withhold every event"),
    ("topic.blacklist", "leave it out: events of these topics would never be read"),
    ("internal.termination.signal", "leave it out: the client would take a signal over from the program"),
];

/// The reason why a property is not taken, and the cure.
pub(crate) fn refused_property(property: &str) -> Option<&'static str> {
    if property.starts_with("test.") {
        return Some("set KAFKA_BROKERS=embedded: it would put a simulated broker in the place of the brokers");
    }
    OWN.iter().find(|(name, _)| *name == property).map(|(_, cure)| *cure)
}

pub(super) fn member_config(config: &EventConfig, settings: &MemberSettings) -> Result<ClientConfig, EventError> {
    let mut client = client_config(config)?;
    for (name, value) in config.connection_properties() {
        client.set(name, value);
    }
    client
        .set("group.id", &settings.group)
        .set(
            "auto.offset.reset",
            match settings.start_at {
                StartAt::Earliest => "earliest",
                StartAt::Latest => "latest",
            },
        )
        // The client commits the offsets that the thread stores, and nothing else.
        .set("enable.auto.commit", "true")
        .set("enable.auto.offset.store", "false")
        .set("auto.commit.interval.ms", "200")
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", "100")
        .set("queued.max.messages.kbytes", (settings.read_ahead / 1024).clamp(1, 2_097_151).to_string())
        // A pause throws the records of its partition away that were read ahead, and they are read again: a few are enough.
        .set("queued.min.messages", "10000")
        // The pause before the next fetch once so many are read ahead. Handlers are done with them sooner than in the default of a second.
        .set("fetch.queue.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", LONGEST_RECONNECT_PAUSE)
        // A topic that comes later is found by then.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("statistics.interval.ms", "5000");
    match settings.protocol {
        GroupProtocol::Classic => client
            .set("partition.assignment.strategy", "cooperative-sticky")
            // A member hears of a rebalance by its next heartbeat, and a partition moves in two of them: within the 2 s of a hand-over.
            .set("heartbeat.interval.ms", "500"),
        GroupProtocol::Consumer => client.set("group.protocol", "consumer"),
    };
    for (name, value) in &settings.properties {
        client.set(name, value);
    }
    let debugs = client.get("debug").is_some();
    client.set_log_level(if debugs { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(protocol: GroupProtocol) -> MemberSettings {
        MemberSettings {
            group: "g".to_owned(),
            protocol,
            start_at: StartAt::Earliest,
            hand_over_time: Duration::from_secs(1),
            read_ahead: 1 << 20,
            properties: vec![("session.timeout.ms".to_owned(), "6000".to_owned())],
        }
    }

    #[test]
    fn offsets_are_committed_only_where_they_are_stored() {
        let config = EventConfig::builder().service_name("users").brokers("127.0.0.1:1").build().expect("one");
        let client = member_config(&config, &settings(GroupProtocol::Classic)).expect("properties");
        assert_eq!(client.get("enable.auto.offset.store"), Some("false"));
        assert_eq!(client.get("partition.assignment.strategy"), Some("cooperative-sticky"));
        assert_eq!(client.get("session.timeout.ms"), Some("6000"));
        let client = member_config(&config, &settings(GroupProtocol::Consumer)).expect("properties");
        assert_eq!(
            (client.get("group.protocol"), client.get("partition.assignment.strategy")),
            (Some("consumer"), None)
        );
    }

    #[test]
    fn properties_that_would_break_a_promise_are_refused() {
        for property in ["enable.auto.offset.store", "group.id", "test.mock.num.brokers"] {
            assert!(refused_property(property).is_some(), "{property}");
        }
        assert_eq!(refused_property("session.timeout.ms"), None);
    }
}

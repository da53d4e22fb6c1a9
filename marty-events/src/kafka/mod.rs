//! The Kafka client, as direct delivery and the relay share it.

mod acknowledgement;
mod complaint;
#[cfg(all(feature = "consumer", feature = "_database"))]
mod consumer;
mod direct;
#[cfg(feature = "embedded")]
pub(crate) mod embedded;
mod limits;
#[cfg(test)]
pub(crate) mod mock;
mod partition;
mod polled;
mod reach;
pub(crate) mod record;
mod settings;
mod verdict;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};

pub(crate) use acknowledgement::acknowledged;
use acknowledgement::is_unconfirmed;
pub(crate) use complaint::{Complaint, Outage};
#[cfg(all(feature = "consumer", feature = "_database"))]
pub(crate) use consumer::{Flow, GroupMember, Intake, MemberSettings, Partition, refused_property};
#[cfg(all(feature = "consumer", feature = "_database"))]
pub use consumer::{GroupProtocol, StartAt};
pub(crate) use direct::{
    DirectProducer, Passenger, abandoned, not_sent, patience, ran_out_of_time, too_large, unanswered, unknown_topic,
    was_taken_back, was_too_large,
};
pub(crate) use limits::longest_message_of;
pub(crate) use limits::longest_messages;
#[cfg(all(feature = "consumer", feature = "_database"))]
pub(crate) use limits::{Retention, longest_retention};
pub(crate) use partition::Partitioner;
pub(crate) use polled::PolledProducer;
pub(crate) use reach::{Away, Reach};
pub(crate) use settings::bootstrap;
use settings::client_config;
pub(crate) use verdict::{Verdict, is_final};
pub(crate) use verdict::{is_lasting, is_permanent, is_too_large};

use crate::EventError;
use crate::config::EventConfig;

/// Java's pause. With librdkafka's, a broker that is back is left alone for up to 10 s while every key waits for it.
const LONGEST_RECONNECT_PAUSE: &str = "1000";

/// Settings of every producer: nothing is acknowledged that a leader's failure could lose, a retry inside the
/// client neither duplicates nor reorders, and a key has the partition that a Java client gives it. `defaults` are those of
/// one producer. Configured properties come on top; those that would weaken this were refused with the configuration.
pub(crate) fn producer_config(config: &EventConfig, defaults: &[(&str, &str)]) -> Result<ClientConfig, EventError> {
    let mut client = client_config(config)?;
    client.set("acks", "all").set("enable.idempotence", "true").set("partitioner", partition::DEFAULT_PARTITIONER);
    client.set("reconnect.backoff.max.ms", LONGEST_RECONNECT_PAUSE);
    for (name, value) in defaults.iter().copied().chain(config.producer_properties()) {
        client.set(name, value);
    }
    // Without it the level is that of the `log` crate, which nobody may have set up.
    let debugs = client.get("debug").is_some();
    client.set_log_level(if debugs { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
    Ok(client)
}

/// Says it loudly where the configuration lets anybody on the way take a broker's place.
fn warn_of_strangers(client: &ClientConfig) {
    let is = |name: &str, values: &[&str]| {
        client.get(name).is_some_and(|value| values.iter().any(|one| one.eq_ignore_ascii_case(value)))
    };
    if is("security.protocol", &["ssl", "sasl_ssl"])
        && (is("enable.ssl.certificate.verification", &["false", "f", "0"])
            || is("ssl.endpoint.identification.algorithm", &["none"]))
    {
        tracing::warn!(
            "the brokers' certificates are not verified, as the configuration has it; anybody may take their place"
        );
    }
}

/// The error of a client that could not be made, without the value that it may carry: it could be a password.
fn not_made(error: KafkaError) -> EventError {
    EventError::Kafka(Box::new(match error {
        KafkaError::ClientConfig(answer, reason, name, _) => {
            KafkaError::ClientConfig(answer, reason, name, "***".to_owned())
        }
        other => other,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of the producer that docs/decisions.md takes over from the Java client.
    #[test]
    fn defaults_that_differ_from_the_java_clients_are_set() {
        let config = EventConfig::builder().service_name("users").brokers("127.0.0.1:1").build();
        let client = producer_config(&config.expect("a configuration"), &[]).expect("properties");
        assert_eq!(client.get("partitioner"), Some("murmur2_random"));
        assert_eq!(client.get("reconnect.backoff.max.ms"), Some("1000"));
    }
}

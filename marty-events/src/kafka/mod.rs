//! The Kafka client: what both roads share.

mod direct;
#[cfg(feature = "embedded")]
pub(crate) mod embedded;
mod verdict;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
};

pub(crate) use direct::{Delivery, DirectProducer};
pub(crate) use verdict::{Verdict, is_permanent};

use crate::EventError;
use crate::config::{Brokers, EventConfig};

/// Settings of every producer: nothing is acknowledged that a leader's failure could lose, and a retry inside the
/// client neither duplicates nor reorders. Configured properties come on top; those that would weaken this were refused
/// with the configuration.
pub(crate) fn producer_config(config: &EventConfig) -> Result<ClientConfig, EventError> {
    let mut client = config.client_config(&bootstrap(config)?);
    client.set("acks", "all").set("enable.idempotence", "true");
    for (name, value) in config.producer_properties() {
        client.set(name, value);
    }
    Ok(client)
}

/// The bootstrap list; starts the in-process broker where the configuration names that.
pub(crate) fn bootstrap(config: &EventConfig) -> Result<String, EventError> {
    match config.brokers() {
        Brokers::List(list) => Ok(list.clone()),
        #[cfg(feature = "embedded")]
        Brokers::Embedded => embedded::bootstrap(),
    }
}

/// With room for as many as most events have.
pub(crate) fn no_headers() -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(8)
}

pub(crate) fn with_header(headers: OwnedHeaders, name: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key: name, value: Some(value) })
}

/// librdkafka's default of `message.max.bytes` (CONFIGURATION.md).
const LONGEST_MESSAGE: usize = 1_000_000;

/// How many bytes of key, headers and value the producer takes.
pub(crate) fn longest_message(config: &EventConfig) -> usize {
    config
        .producer_properties()
        .find(|(name, _)| *name == "message.max.bytes")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(LONGEST_MESSAGE)
}

//! The client that sends bundles: several rows of one ordering key, as one batch.
//!
//! A broker takes or refuses a batch as a whole, after any failure of the client or the connection too, for a batch is sent again as it was.
//! So the rows of a bundle may be under way together, if they are one batch. The client closes a batch at exactly as many records as a
//! bundle has, and gets nothing but bundles. Nothing else closes one: they are small enough for a request, and the client waits for
//! further records for longer than a bundle takes to be handed over.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaErrorCode};

use super::{super::window::BUNDLE, opaque, reporter::Reporter};
use crate::{
    EventError,
    config::EventConfig,
    kafka::{self, PolledProducer},
    outbox::QueuedRow,
};

/// The time for which the client waits for the rest of a batch. It passes where a batch stays incomplete, as after a partition was added.
const LINGER: &str = "2000";
/// The longest time for handing a bundle over. A relay that was suspended meanwhile takes the bundle back, in less than [`LINGER`] and
/// before the topic can have gone and come back. The tests' machine may be busy with others for longer.
const HAND_OVER: Duration = Duration::from_millis(if cfg!(test) { 1_000 } else { 50 });
/// Configured limits below these would cut bundles. The first two are the client's defaults.
const LEAST: [(&str, u64); 4] = [
    ("message.max.bytes", 1_000_000),
    ("batch.size", 1_000_000),
    ("queue.buffering.max.messages", 1_000),
    ("queue.buffering.max.kbytes", 10_000),
];

/// Other names of settings that this client has values of its own for: a configured value would close a batch before it is full, or give a
/// part of it up.
const OTHER_NAMES: [&str; 3] = ["queue.buffering.max.ms", "delivery.timeout.ms", "message.send.max.retries"];

/// Makes the client when the first bundle is to be sent: most relays have no hot key.
pub(super) struct Bundles {
    /// Nothing where bundles are not possible.
    config: Option<ClientConfig>,
    client: Option<PolledProducer<Reporter>>,
}

impl Bundles {
    pub(super) fn new(config: &EventConfig) -> Result<Self, EventError> {
        let mut client = kafka::producer_config(config, &[])?;
        let is_cut = LEAST.into_iter().any(|(name, least)| {
            client.get(name).and_then(|value| value.parse().ok()).is_some_and(|limit: u64| limit < least)
        });
        for name in OTHER_NAMES {
            client.remove(name);
        }
        client.set("batch.num.messages", BUNDLE.to_string()).set("linger.ms", LINGER);
        client.set("message.timeout.ms", "0").set("retries", i32::MAX.to_string());
        Ok(Self { config: Some(client).filter(|_| !is_cut), client: None })
    }

    /// Makes sure that there is a client; answers `false` where bundles are not possible.
    pub(super) fn are_possible(&mut self, reporter: &Reporter) -> bool {
        if self.client.is_none()
            && let Some(config) = &self.config
        {
            match PolledProducer::new(config, reporter.of_bundles()) {
                Ok(client) => self.client = Some(client),
                Err(error) => {
                    tracing::warn!(%error, "no second Kafka client can be made; keys with many events go one event at a time");
                    self.config = None;
                }
            }
        }
        self.client.is_some()
    }

    /// Hands a bundle to the client. An error says how many rows were taken, on which the client reports; they are taken back.
    pub(super) fn send(&mut self, events: &[&QueuedRow]) -> Result<(), (usize, KafkaError)> {
        self.hand_over(events, Instant::now())
    }

    /// The same, begun at `begin`.
    fn hand_over(&mut self, events: &[&QueuedRow], begin: Instant) -> Result<(), (usize, KafkaError)> {
        let Some(client) = &self.client else { return Err((0, KafkaError::MessageProduction(LATE))) };
        for (taken, event) in events.iter().enumerate() {
            let sent = if begin.elapsed() < HAND_OVER {
                client.send(kafka::record::of_row(event, opaque::of(event.seq))).map_err(|(error, _)| error)
            } else {
                Err(KafkaError::MessageProduction(LATE))
            };
            if let Err(error) = sent {
                // The rest of the batch would be filled up with another key's rows.
                self.drop_client();
                return Err((taken, error));
            }
        }
        if HAND_OVER <= begin.elapsed() {
            self.drop_client();
        }
        Ok(())
    }

    pub(super) fn purge(&self) {
        if let Some(client) = &self.client {
            client.purge();
        }
    }

    /// The client reports on all that it has, and a new one takes its place.
    pub(super) fn drop_client(&mut self) {
        self.purge();
        self.client = None;
    }
}

/// The bundle was not handed over in time.
const LATE: RDKafkaErrorCode = RDKafkaErrorCode::PurgeQueue;

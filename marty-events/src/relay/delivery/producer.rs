//! The relay's producer: pipelined, and patient.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rdkafka::{error::KafkaError, metadata::MetadataTopic, producer::Producer};
use tokio::sync::mpsc;

use super::{
    bundles::Bundles,
    client_events::{Checked, ClientEvent},
    opaque,
    reporter::Reporter,
};
use crate::{
    EventError,
    config::EventConfig,
    kafka::{self, Complaint, Outage, PolledProducer},
    outbox::QueuedRow,
};

/// Without a time limit the client itself waits an outage out, in order; the relay's window bounds the number of waiting rows. Batches
/// form by themselves: a page is handed over faster than a request is answered.
const DEFAULTS: [(&str, &str); 2] = [("message.timeout.ms", "0"), ("linger.ms", "0")];

/// The most topics in one request.
const MOST_TOPICS: usize = 16;
/// The time that a broker has for a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Sends rows and reports on each.
pub(in crate::relay) struct RelayProducer {
    producer: PolledProducer<Reporter>,
    bundles: Bundles,
    reporter: Reporter,
    events: mpsc::UnboundedReceiver<ClientEvent>,
    complaint: Complaint,
}

impl RelayProducer {
    pub(in crate::relay) fn new(config: &EventConfig) -> Result<Self, EventError> {
        let client = kafka::producer_config(config, &DEFAULTS)?;
        let (sender, events) = mpsc::unbounded_channel();
        let complaint = Complaint::default();
        let reporter = Reporter::new(sender, complaint.clone());
        let producer = PolledProducer::new(&client, reporter.clone())?;
        Ok(Self { producer, bundles: Bundles::new(config)?, reporter, events, complaint })
    }

    /// Hands a row to the client. An error means that nothing was taken, and no report comes.
    pub(super) fn send(&self, event: &QueuedRow) -> Result<(), KafkaError> {
        let record = kafka::record::of_row(event, opaque::of(event.seq));
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// Rows of one key may be handed over as one batch.
    pub(super) fn makes_bundles(&mut self) -> bool {
        self.bundles.are_possible(&self.reporter)
    }

    /// Hands a bundle to the client. An error says how many rows were taken; a report comes on each of those.
    pub(super) fn send_bundle(&mut self, events: &[&QueuedRow]) -> Result<(), (usize, KafkaError)> {
        self.bundles.send(events)
    }

    /// Takes back what is left of bundles.
    pub(super) fn drop_bundles(&mut self) {
        self.bundles.drop_client();
    }

    /// Why nothing is delivered.
    pub(super) fn outage(&self, error: &KafkaError) -> Outage {
        Outage::of(error, &self.complaint)
    }

    /// The next report. Cancel safe.
    pub(super) async fn event(&mut self) -> Option<ClientEvent> {
        self.events.recv().await
    }

    /// A report that is there already.
    pub(super) fn event_now(&mut self) -> Option<ClientEvent> {
        self.events.try_recv().ok()
    }

    /// Asks the brokers for a sign of life, and for the partitions of these topics; the answer comes as an event.
    pub(super) fn check(&self, topics: BTreeSet<Arc<str>>) {
        let (producer, reporter) = (self.producer.clone(), self.reporter.clone());
        // The call blocks its thread.
        tokio::task::spawn_blocking(move || reporter.tell(ClientEvent::Checked(ask(&producer, &topics))));
    }

    /// Asks the brokers for a sign of life.
    pub(super) async fn answers(&self) -> Result<(), Outage> {
        let producer = self.producer.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&producer, &BTreeSet::new())).await;
        match asked {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.outage(&error)),
            // The runtime goes down.
            Err(_) => Err(Outage::unreachable(&self.complaint)),
        }
    }

    /// Drops the rows that were not sent yet, so that nothing leaves after the lease is gone.
    pub(super) fn purge(&self) {
        self.producer.purge();
        self.bundles.purge();
    }
}

/// The partitions of these topics, or of nothing in particular: any answer is a sign of life.
fn ask(producer: &PolledProducer<Reporter>, topics: &BTreeSet<Arc<str>>) -> Checked {
    let partitions = |topic: Option<&str>| -> Checked {
        let metadata = producer.client().fetch_metadata(topic, SIGN_OF_LIFE)?;
        let topics = metadata.topics().iter().filter(|found| found.error().is_none() && topic.is_some());
        let count = |found: &MetadataTopic| i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
        Ok(topics.map(|found| (found.name().to_owned(), count(found))).collect())
    };
    if topics.is_empty() {
        return partitions(None);
    }
    let mut known = Vec::new();
    for topic in topics.iter().take(MOST_TOPICS) {
        known.extend(partitions(Some(topic))?);
    }
    Ok(known)
}

/// A relay that is dropped sends nothing more.
impl Drop for RelayProducer {
    fn drop(&mut self) {
        self.purge();
    }
}

//! The relay's producer: pipelined, and patient.

use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer},
    types::RDKafkaErrorCode,
};
use tokio::sync::mpsc;

use crate::{EventError, config::EventConfig, kafka, outbox::PendingEvent};

/// What became of a row that was sent.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) seq: i64,
    pub(super) result: Result<(), KafkaError>,
}

/// Sends rows and reports on each.
pub(super) struct RelayProducer {
    producer: ThreadedProducer<Reporter>,
    reports: mpsc::UnboundedReceiver<Report>,
}

/// Passes the client's news on. The channel is bounded by what the relay has in flight: one report a row.
struct Reporter {
    reports: mpsc::UnboundedSender<Report>,
    unreachable: AtomicBool,
}

impl RelayProducer {
    pub(super) fn new(config: &EventConfig) -> Result<Self, EventError> {
        let mut client = ClientConfig::new();
        // Without a time limit the client itself waits an outage out, in order; the relay's window bounds what waits.
        // A few milliseconds of company make batches.
        client.set("message.timeout.ms", "0").set("linger.ms", "2");
        let configured = kafka::producer_config(config)?;
        client.extend(configured.config_map().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (sender, reports) = mpsc::unbounded_channel();
        let reporter = Reporter { reports: sender, unreachable: AtomicBool::new(false) };
        let producer = ThreadedProducer::from_config_and_context(&client, reporter).map_err(EventError::Kafka)?;
        Ok(Self { producer, reports })
    }

    /// Hands a row to the client. An error means that nothing was taken, and no report comes.
    pub(super) fn send(&self, event: &PendingEvent) -> Result<(), KafkaError> {
        let mut record = BaseRecord::<str, [u8], _>::with_opaque_to(&event.topic, Box::new(event.seq))
            .payload(&event.payload)
            .headers(kafka::headers(&event.headers));
        if let Some(key) = &event.key {
            record = record.key(key);
        }
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// The next report. Cancel safe.
    pub(super) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    /// A report that is there already.
    pub(super) fn report_now(&mut self) -> Option<Report> {
        self.reports.try_recv().ok()
    }

    /// Forgets what was not sent yet, so that nothing leaves after the lease is gone.
    pub(super) fn purge(&self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }
}

impl ClientContext for Reporter {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "kafka client");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            if !self.unreachable.swap(true, Ordering::Relaxed) {
                tracing::warn!(reason, "no broker can be reached; events wait in the outbox");
            }
        } else {
            tracing::debug!(%error, reason, "kafka client");
        }
    }
}

impl ProducerContext for Reporter {
    type DeliveryOpaque = Box<i64>;

    fn delivery(&self, result: &DeliveryResult<'_>, seq: Box<i64>) {
        let result = match result {
            Ok(_) => {
                if self.unreachable.swap(false, Ordering::Relaxed) {
                    tracing::info!("the broker can be reached again");
                }
                Ok(())
            }
            Err((error, _)) => Err(error.clone()),
        };
        // Nobody listens any more once the relay has stopped; the row is still in the outbox.
        let _ = self.reports.send(Report { seq: *seq, result });
    }
}

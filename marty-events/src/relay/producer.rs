//! The relay's producer: pipelined, and patient.

use std::time::Duration;

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};
use tokio::sync::mpsc;

use crate::{
    EventError,
    config::EventConfig,
    kafka::{self, Complaint, Outage, Served},
    outbox::Record,
};

/// Without a time limit the client itself waits an outage out, in order; the relay's window bounds what waits. Company comes by itself:
/// a page is handed over faster than a request is answered.
const DEFAULTS: [(&str, &str); 2] = [("message.timeout.ms", "0"), ("linger.ms", "0")];

/// How long a broker that is asked for a sign of life may take.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// What became of a row that was sent.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) seq: i64,
    pub(super) result: Result<(), KafkaError>,
}

/// What the client has to tell.
#[derive(Debug)]
pub(super) enum News {
    Report(Report),
    /// No broker can be reached. What was sent waits in the client.
    Unreachable(Outage),
    /// A broker has answered that was asked for it, or none has.
    Probed(Result<(), KafkaError>),
}

/// Sends rows and reports on each.
pub(super) struct RelayProducer {
    producer: Served<Reporter>,
    reporter: Reporter,
    news: mpsc::UnboundedReceiver<News>,
    complaint: Complaint,
}

/// Passes the client's news on. The channel is bounded by what the relay has in flight, one report a row, and by how often all
/// connections can break.
#[derive(Clone)]
struct Reporter {
    news: mpsc::UnboundedSender<News>,
    complaint: Complaint,
}

impl RelayProducer {
    pub(super) fn new(config: &EventConfig) -> Result<Self, EventError> {
        let client = kafka::producer_config(config, &DEFAULTS)?;
        let (sender, news) = mpsc::unbounded_channel();
        let complaint = Complaint::default();
        let reporter = Reporter { news: sender, complaint: complaint.clone() };
        let producer = Served::new(&client, reporter.clone())?;
        Ok(Self { producer, reporter, news, complaint })
    }

    /// Hands a row to the client. An error means that nothing was taken, and no report comes.
    pub(super) fn send(&self, event: &Record) -> Result<(), KafkaError> {
        let mut record = BaseRecord::<str, [u8], _>::with_opaque_to(&event.topic, Box::new(event.seq))
            .payload(&event.payload)
            .headers(event.headers.fold(kafka::no_headers(), kafka::with_header));
        if let Some(key) = &event.key {
            record = record.key(key);
        }
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// Why nothing is delivered.
    pub(super) fn outage(&self, error: &KafkaError) -> Outage {
        Outage::of(error, &self.complaint)
    }

    /// What comes next. Cancel safe.
    pub(super) async fn news(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// What is there already.
    pub(super) fn news_now(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// Asks the brokers for a sign of life; whether one comes is news.
    pub(super) fn probe(&self) {
        let (producer, reporter) = (self.producer.clone(), self.reporter.clone());
        // The call blocks its thread.
        tokio::task::spawn_blocking(move || {
            let answer = producer.client().fetch_metadata(None, SIGN_OF_LIFE).map(drop);
            reporter.tell(News::Probed(answer));
        });
    }

    /// Forgets what was not sent yet, so that nothing leaves after the lease is gone.
    pub(super) fn purge(&self) {
        self.producer.purge();
    }
}

/// A relay that is dropped sends nothing more.
impl Drop for RelayProducer {
    fn drop(&mut self) {
        self.purge();
    }
}

impl ClientContext for Reporter {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaint.overhear(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaint.take_down(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.tell(News::Unreachable(Outage::unreachable(&self.complaint)));
        }
    }
}

impl ProducerContext for Reporter {
    type DeliveryOpaque = Box<i64>;

    fn delivery(&self, result: &DeliveryResult<'_>, seq: Box<i64>) {
        if result.is_ok() {
            self.complaint.withdraw();
        }
        let result = result.as_ref().map(drop).map_err(|(error, _)| error.clone());
        self.tell(News::Report(Report { seq: *seq, result }));
    }
}

impl Reporter {
    fn tell(&self, news: News) {
        // Nobody listens any more once the relay has stopped; the row is still in the outbox.
        let _ = self.news.send(news);
    }
}

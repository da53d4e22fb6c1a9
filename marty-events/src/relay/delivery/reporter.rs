//! The reports of a Kafka client of the relay's.

use rdkafka::{
    ClientContext, config::RDKafkaLogLevel, error::KafkaError, message::DeliveryResult, producer::ProducerContext,
    types::RDKafkaErrorCode,
};
use tokio::sync::mpsc;

use super::{
    client_events::{ClientEvent, Report},
    opaque::{self, Opaque},
};
use crate::kafka::{self, Complaint, Outage};

/// Passes the client's reports on. The channel is bounded by the rows in flight, with one report a row, and by the number of times that
/// all connections can break.
#[derive(Clone)]
pub(super) struct Reporter {
    events: mpsc::UnboundedSender<ClientEvent>,
    complaint: Complaint,
    /// Of the client that sends bundles. Its idle connections say nothing about the broker: the other client says that.
    is_of_bundles: bool,
}

impl Reporter {
    pub(super) fn new(events: mpsc::UnboundedSender<ClientEvent>, complaint: Complaint) -> Self {
        Self { events, complaint, is_of_bundles: false }
    }

    /// The same for the client that sends bundles.
    pub(super) fn of_bundles(&self) -> Self {
        Self { is_of_bundles: true, ..self.clone() }
    }

    pub(super) fn tell(&self, event: ClientEvent) {
        // Nobody listens any more once the relay has stopped; the row is still in the outbox.
        let _ = self.events.send(event);
    }
}

impl ClientContext for Reporter {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaint.overhear(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaint.take_down(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) && !self.is_of_bundles {
            self.tell(ClientEvent::Unreachable(Outage::unreachable(&self.complaint)));
        }
    }
}

impl ProducerContext for Reporter {
    type DeliveryOpaque = Opaque;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Opaque) {
        let result = kafka::acknowledged(result);
        if result.is_ok() {
            self.complaint.withdraw();
        }
        self.tell(ClientEvent::Report(Report { seq: opaque::seq(opaque), result }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle client's connections may all be closed while the broker is there.
    #[test]
    fn the_client_of_bundles_tells_of_no_outage() {
        let (events, mut told) = mpsc::unbounded_channel();
        let reporter = Reporter::new(events, Complaint::default());
        let down = || KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        reporter.of_bundles().error(down(), "1/1 brokers are down");
        assert!(told.try_recv().is_err(), "the other client says that");
        reporter.error(down(), "1/1 brokers are down");
        assert!(matches!(told.try_recv(), Ok(ClientEvent::Unreachable(_))));
    }
}

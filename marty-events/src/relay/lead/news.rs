//! What the Kafka client has to tell, and what follows from it.

use std::time::Instant;

use rdkafka::error::KafkaError;

use super::{
    super::producer::{News, RelayProducer, Report},
    SETTLE_PAUSE, Term,
    refusals::Refusal,
};
use crate::{kafka::Verdict, observe::Again, outbox::Store};

/// Whether the broker is asked for a sign of life.
///
/// What is under way tells by its end that a broker works again. Where nothing is, nothing does; and a broker that closes
/// connections which are not used leaves a client as unconnected as one that is gone (`connections.max.idle.ms`).
#[derive(Debug, Default)]
pub(super) enum Probe {
    #[default]
    NotNeeded,
    At(Instant),
    Asked,
}

impl Probe {
    pub(super) fn due(&self) -> Option<Instant> {
        if let Self::At(time) = self { Some(*time) } else { None }
    }
}

impl<S: Store> Term<'_, S> {
    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Report(report) => self.note(report),
            News::Unreachable(error) if 0 < self.window.under_way() => self.broker.opens(&error),
            News::Unreachable(_) => self.doubt_broker(),
            News::Probed(answer) => self.hear_probe(answer),
        }
    }

    pub(super) fn note(&mut self, report: Report) {
        let Report { seq, result } = report;
        self.spans.end(seq, result.as_ref().err());
        let Err(error) = result else {
            self.broker.works();
            if let Some(event) = self.window.event(seq) {
                self.metrics.acknowledged(event.created_at);
            }
            self.window.delivered(seq);
            self.settle_at.get_or_insert_with(|| Instant::now() + SETTLE_PAUSE);
            return;
        };
        match Verdict::of(&error) {
            verdict @ (Verdict::Refused | Verdict::TopicRefused | Verdict::BatchRefused) => {
                let with_batch = verdict == Verdict::BatchRefused;
                self.refusals.push(Refusal { seq, reason: error.to_string(), with_batch });
            }
            verdict @ (Verdict::Outage | Verdict::Unclear | Verdict::ProducerLost) => {
                self.window.put_back(seq);
                self.metrics.sends_again(Again::Outage);
                self.send_at = Instant::now() + self.broker.failed(&self.producer.outage(&error));
                if verdict == Verdict::ProducerLost {
                    self.producer_lost = true;
                    self.producer.purge();
                }
            }
        }
    }

    /// Where no other can be made, the term ends, and whoever can send has the lanes.
    pub(super) fn replace_lost_producer(&mut self) {
        let is_due = self.send_at <= Instant::now() && self.window.under_way() == self.refusals.len();
        if !self.producer_lost || !is_due || self.drain_until.is_some() {
            return;
        }
        match RelayProducer::new(self.config) {
            Ok(producer) => {
                self.producer = producer;
                self.producer_lost = false;
                self.probe = Probe::default();
            }
            Err(_) => self.drain_until = Some(Instant::now() + self.settings.drain_time),
        }
    }

    /// Asks the broker, if it is time.
    pub(super) fn look_for_broker(&mut self) {
        if self.probe.due().is_none_or(|at| Instant::now() < at) {
            return;
        }
        if self.window.under_way() == 0 && self.drain_until.is_none() {
            self.producer.probe();
            self.probe = Probe::Asked;
        } else {
            self.probe = Probe::NotNeeded;
        }
    }

    fn doubt_broker(&mut self) {
        if matches!(self.probe, Probe::NotNeeded) {
            self.probe = Probe::At(Instant::now());
        }
    }

    fn hear_probe(&mut self, answer: Result<(), KafkaError>) {
        self.probe = match answer {
            Ok(()) => {
                self.broker.works();
                Probe::NotNeeded
            }
            Err(error) => Probe::At(Instant::now() + self.broker.failed(&self.producer.outage(&error))),
        };
    }
}

//! The question to the broker for a sign of life.
//!
//! Rows in flight tell by their end that a broker is back. Without any, nothing tells. A broker that closes idle connections leaves a
//! client as unconnected as a broker that is gone (`connections.max.idle.ms`). The broker is also asked where rows are in flight and get
//! no answer: to the client, a network that swallows everything looks like a slow broker for a minute (`socket.timeout.ms`). If the broker
//! answers, and a partition has no leader, only that partition waits.

use std::time::{Duration, Instant};

use super::{Circuit, Delivery, client_events::Checked};

/// A row that is in flight for longer makes the relay ask the broker.
const LATE: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(super) enum BrokerCheck {
    #[default]
    NotNeeded,
    At(Instant),
    Asked(Instant),
}

impl BrokerCheck {
    /// The client says that it reaches nobody.
    pub(super) fn doubt(&mut self) {
        if matches!(self, Self::NotNeeded) {
            *self = Self::At(Instant::now());
        }
    }

    /// When the next check is due, where the oldest row that is awaited was sent at `oldest`.
    pub(super) fn due(&self, oldest: Option<Instant>) -> Option<Instant> {
        match self {
            Self::NotNeeded => oldest.map(|at| at + LATE),
            Self::At(at) => Some(*at),
            Self::Asked(_) => None,
        }
    }

    /// Answers whether the broker is to be asked now, and before when a row was sent that is late.
    pub(super) fn look(
        &mut self,
        now: Instant,
        oldest: Option<Instant>,
        is_away: bool,
        awaited: usize,
        is_draining: bool,
    ) -> Option<Instant> {
        if self.due(oldest).is_none_or(|at| now < at) {
            return None;
        }
        let is_late = oldest.is_some_and(|at| LATE <= now.duration_since(at));
        // Rows in flight that are not late tell by their end.
        if is_draining || (0 < awaited && !is_late && !is_away) {
            *self = Self::NotNeeded;
            return None;
        }
        let then = now.checked_sub(LATE).unwrap_or(now);
        *self = Self::Asked(then);
        Some(then)
    }
}

impl Delivery {
    pub(super) fn checked(&mut self, answer: Checked, broker: &mut Circuit) {
        let now = Instant::now();
        let BrokerCheck::Asked(then) = self.check else { return };
        match answer {
            Err(error) => {
                let pause = broker.failed(&self.producer.outage(&error));
                self.check = BrokerCheck::At(now + pause);
            }
            Ok(topics) => {
                broker.works();
                self.check = BrokerCheck::NotNeeded;
                for (topic, partitions) in topics {
                    self.window.learn_partitions(&topic, partitions);
                }
                if self.window.set_aside_late(then) {
                    let suffering = self.window.suffering();
                    tracing::warn!(
                        suffering,
                        "topics or partitions do not answer; their events wait, and others go on"
                    );
                }
                if self.window.oldest_awaited().is_some_and(|at| at <= then) {
                    // No further rows can be set aside.
                    self.check = BrokerCheck::At(now + LATE);
                }
            }
        }
    }
}

use std::time::Duration;

use super::{health::Vitals, pauses};
use crate::{error::cause, observe::Neighbour};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether a neighbour (the database, the broker) works, with one line in the log per change.
pub(super) struct Circuit {
    neighbour: Neighbour,
    vitals: Vitals,
    pauses: Option<Box<dyn Iterator<Item = Duration> + Send + Sync>>,
}

impl Circuit {
    pub(super) fn new(neighbour: Neighbour, vitals: &Vitals) -> Self {
        vitals.meets(neighbour);
        Self { neighbour, vitals: vitals.clone(), pauses: None }
    }

    pub(super) fn works(&mut self) {
        if self.pauses.take().is_some() {
            self.vitals.is_back(self.neighbour);
            tracing::info!(neighbour = name(self.neighbour), "works again");
        }
    }

    pub(super) fn opens(&mut self, error: &dyn std::error::Error) {
        if self.pauses.is_none() {
            let cause = cause(error);
            self.vitals.is_away(self.neighbour);
            tracing::warn!(neighbour = name(self.neighbour), %error, cause, "does not work; events wait in the outbox");
            self.pauses = Some(Box::new(pauses(FIRST_PAUSE, LONGEST_PAUSE)));
        }
    }

    /// Answers how long to leave it alone.
    pub(super) fn failed(&mut self, error: &dyn std::error::Error) -> Duration {
        self.opens(error);
        self.pauses.as_mut().and_then(Iterator::next).unwrap_or(LONGEST_PAUSE)
    }
}

/// What it is called in the log.
fn name(neighbour: Neighbour) -> &'static str {
    match neighbour {
        Neighbour::Broker => "broker",
        Neighbour::Database => "outbox database",
        Neighbour::Listener => "listener",
    }
}

/// Whoever waited for the neighbour is gone, and with it the outage that it knew of.
impl Drop for Circuit {
    fn drop(&mut self) {
        if self.pauses.is_some() {
            self.vitals.is_back(self.neighbour);
        }
    }
}

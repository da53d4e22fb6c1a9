use std::time::Duration;

use super::pauses;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether a neighbour (the database, the broker) works, with one line in the log per change.
pub(super) struct Circuit {
    neighbour: &'static str,
    pauses: Option<Box<dyn Iterator<Item = Duration> + Send + Sync>>,
}

impl Circuit {
    pub(super) fn new(neighbour: &'static str) -> Self {
        Self { neighbour, pauses: None }
    }

    pub(super) fn works(&mut self) {
        if self.pauses.take().is_some() {
            tracing::info!(neighbour = self.neighbour, "works again");
        }
    }

    pub(super) fn opens(&mut self, error: &dyn std::error::Error) {
        if self.pauses.is_none() {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(neighbour = self.neighbour, %error, cause, "does not work; events wait in the outbox");
            self.pauses = Some(Box::new(pauses(FIRST_PAUSE, LONGEST_PAUSE)));
        }
    }

    /// Answers how long to leave it alone.
    pub(super) fn failed(&mut self, error: &dyn std::error::Error) -> Duration {
        self.opens(error);
        self.pauses.as_mut().and_then(Iterator::next).unwrap_or(LONGEST_PAUSE)
    }
}

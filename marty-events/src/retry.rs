//! The errors after which another try may help, and the pauses before it.

#[cfg(all(feature = "kafka", feature = "_database"))]
use std::time::Duration;

#[cfg(all(feature = "kafka", feature = "_database"))]
use backon::{BackoffBuilder, ExponentialBuilder};

use crate::EventError;
#[cfg(feature = "_database")]
use crate::outbox::Fault;

impl EventError {
    /// The same call may succeed when it is simply made again: the cause is a connection, a time-out, a deadlock or a full queue, and not
    /// the event itself.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            #[cfg(feature = "kafka")]
            Self::Delivery { source, .. } | Self::Kafka(source) => !crate::kafka::is_lasting(&**source),
            #[cfg(feature = "_database")]
            Self::Outbox { source, .. } | Self::Inbox { source, .. } => {
                Fault::behind(&**source).is_some_and(Fault::is_passing)
            }
            Self::OrderingConflict { .. } | Self::WriteConflict { .. } => true,
            _ => false,
        }
    }

    /// Another transaction came first, and nothing is wrong with the database.
    #[cfg(all(feature = "kafka", feature = "_database"))]
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Outbox { source, .. } | Self::Inbox { source, .. } if Fault::behind(&**source) == Some(Fault::Conflict))
    }
}

/// Pauses that grow from `first` to `longest`, each spread by chance so that several waiters do not come back together.
#[cfg(all(feature = "kafka", feature = "_database"))]
pub(crate) fn pauses(first: Duration, longest: Duration) -> impl Iterator<Item = Duration> + Send + Sync {
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
        .build()
}

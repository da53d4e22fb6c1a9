//! A producer and the thread that serves it.

use std::{ops::Deref, sync::Arc, thread, time::Duration};

use rdkafka::{
    ClientConfig,
    config::FromClientConfigAndContext,
    producer::{BaseProducer, Producer, ProducerContext, PurgeConfig},
};

use crate::EventError;

/// The time that the thread waits for the client at once. A producer outlives its last handle by that time at the most.
///
/// rdkafka's `BaseProducer::poll` counts whole milliseconds, so that the last one of every wait is a busy loop. With the 100 ms
/// of its `ThreadedProducer` and `FutureProducer` that is 1 % of a core for a producer that does nothing.
const TURN: Duration = Duration::from_secs(1);

/// A handle of a producer whose callbacks are called by a thread of its own. Dropping the last one does not block: the thread then
/// purges the unsent messages, and ends.
pub(crate) struct PolledProducer<C: ProducerContext + 'static>(Arc<BaseProducer<C>>);

impl<C: ProducerContext + 'static> PolledProducer<C> {
    pub(crate) fn new(config: &ClientConfig, context: C) -> Result<Self, EventError> {
        let producer = BaseProducer::from_config_and_context(config, context).map_err(super::not_made)?;
        super::warn_of_strangers(config);
        let producer = Arc::new(producer);
        let served = producer.clone();
        thread::Builder::new()
            .name("marty-events kafka".to_owned())
            .spawn(move || {
                // Once in any case: the client has had something to say while it was made.
                loop {
                    served.poll(TURN);
                    // This thread's handle is the last one where it is the only one.
                    if Arc::strong_count(&served) == 1 {
                        break;
                    }
                }
            })
            .map_err(|source| EventError::Background { source })?;
        Ok(Self(producer))
    }

    /// Forgets the unsent messages and reports on each. It does not wait for that: one of the client's threads may be
    /// waiting for a name server.
    pub(crate) fn purge(&self) {
        self.0.purge(PurgeConfig::default().queue().inflight().non_blocking());
    }
}

impl<C: ProducerContext + 'static> Clone for PolledProducer<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: ProducerContext + 'static> Deref for PolledProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

//! The publisher of a process: Kafka and the outbox.

#[cfg(feature = "_database")]
use std::time::Instant;
use std::{sync::Arc, time::Duration};

use super::{direct::Direct, outstanding::Outstanding};
use crate::{
    Event, EventError,
    config::EventConfig,
    event::{envelope::Message, source::Source},
    observe::PublisherMetrics,
};
#[cfg(feature = "_database")]
use crate::{OutboxConnection, outbox::Appender};

pub(super) struct Live {
    source: Source,
    pub(super) bootstrap: String,
    pub(super) direct: Arc<Direct>,
    pub(super) outstanding: Arc<Outstanding>,
    #[cfg(feature = "_database")]
    appender: Appender,
    /// The longest event that the producer will take, so that an event too large is refused in the caller's hands.
    longest: usize,
    use_outbox: bool,
    pub(super) metrics: PublisherMetrics,
}

impl Live {
    /// Needs no runtime.
    pub(super) fn new(config: &EventConfig) -> Result<Self, EventError> {
        let metrics = PublisherMetrics::new(config.counts(), config.service_name());
        Ok(Self {
            direct: Direct::new(config, metrics.clone())?,
            source: config.source(),
            #[cfg(feature = "kafka")]
            bootstrap: crate::kafka::bootstrap(config)?,
            #[cfg(not(feature = "kafka"))]
            bootstrap: config.brokers().to_string(),
            outstanding: Arc::default(),
            #[cfg(feature = "_database")]
            appender: Appender::new(config.outbox_table()),
            longest: config.max_message_bytes(),
            use_outbox: config.uses_outbox(),
            metrics,
        })
    }

    pub(super) fn complete(&self, event: Event) -> Result<Message, EventError> {
        if self.outstanding.is_closed() {
            return Err(EventError::ShutDown);
        }
        self.fitting(self.source.message(event)?)
    }

    /// The record of a failure, cut where the producer would not take it: nobody hears of a record that is refused.
    pub(super) fn complete_failure(&self, event: Event) -> Result<Message, EventError> {
        let shorter = event.clone();
        match self.complete(event) {
            Err(EventError::TooLarge { topic, size, limit, .. }) => {
                let message = self.fitting(self.source.shortened_message(shorter)?)?;
                tracing::warn!(event_id = %message.id, topic, size, limit, "the record of a failure was cut to fit");
                Ok(message)
            }
            completed => completed,
        }
    }

    fn fitting(&self, message: Message) -> Result<Message, EventError> {
        let most = message.most_size();
        debug_assert!(message.size() <= most, "{} bytes are more than {most}", message.size());
        if most <= self.longest {
            return Ok(message);
        }
        let size = message.size();
        if self.longest < size {
            return Err(EventError::TooLarge { id: message.id, topic: message.topic, size, limit: self.longest });
        }
        Ok(message)
    }

    #[cfg(feature = "_database")]
    #[cfg_attr(not(feature = "kafka"), expect(clippy::unused_self, reason = "this build has the outbox alone"))]
    pub(super) fn needs_connection(&self) -> bool {
        #[cfg(feature = "kafka")]
        let needs_connection = self.use_outbox;
        #[cfg(not(feature = "kafka"))]
        let needs_connection = true;
        needs_connection
    }

    #[cfg(feature = "_database")]
    pub(super) async fn append(
        &self,
        connection: Option<OutboxConnection<'_>>,
        messages: Vec<Message>,
    ) -> Result<(), EventError> {
        #[cfg(feature = "kafka")]
        let Some(connection) = connection else {
            // Accepted in so many words by the configuration: sent before the commit.
            for message in messages {
                let place = self.outstanding.accept().ok_or(EventError::ShutDown)?;
                self.direct.send(Arc::new(message), place).await?;
            }
            return Ok(());
        };
        #[cfg(not(feature = "kafka"))]
        let connection = connection.expect("needs_connection says so in this build");
        let begun = Instant::now();
        let result = self.appender.append(connection, &messages).await;
        self.metrics.inserted(&messages, result.is_ok(), begun);
        result
    }

    /// Accepts nothing more, and waits until every direct event is over or `limit` has passed; answers how many are left
    /// then. Blocks the thread.
    pub(super) fn drain(&self, limit: Duration) -> usize {
        self.outstanding.close();
        self.outstanding.wait(limit)
    }
}

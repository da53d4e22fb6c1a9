//! The events of annotated methods.

use std::collections::VecDeque;

#[cfg(feature = "_database")]
use super::Message;
use super::{Accepted, EventPublisher, publisher};
#[cfg(feature = "_database")]
use crate::OutboxConnection;
use crate::{Event, EventError, error::cause};

/// An annotated method's events, ready to be written in its transaction.
#[cfg(feature = "_database")]
#[derive(Debug)]
pub(crate) struct Writing {
    publisher: EventPublisher,
    messages: Vec<Message>,
}

#[cfg(feature = "_database")]
impl Writing {
    pub(crate) fn new(events: Vec<Event>) -> Result<Self, EventError> {
        let publisher = publisher()?;
        let messages = events.into_iter().map(|event| publisher.complete(event)).collect::<Result<_, _>>()?;
        Ok(Self { publisher, messages })
    }

    /// True if the connection of the method's transaction is needed.
    pub(crate) fn needs_connection(&self) -> bool {
        self.publisher.needs_connection()
    }

    /// Writes the events, in one round trip.
    pub(crate) async fn write_on(self, connection: Option<OutboxConnection<'_>>) -> Result<(), EventError> {
        self.publisher.append_on(connection, self.messages).await
    }
}

/// Sends an annotated method's events, each of them also if another one fails; answers for each. If this future is dropped before its end,
/// the background sees them all through.
pub(crate) async fn record_direct(events: Vec<Event>) -> Result<Vec<Result<(), EventError>>, EventError> {
    let publisher = publisher()?;
    let mut waiting =
        Waiting { publisher: &publisher, events: VecDeque::with_capacity(events.len()), results: Vec::new() };
    for event in events {
        waiting.events.push_back(publisher.accept_counted(event));
    }
    while let Some(event) = waiting.events.pop_front() {
        let result = match event {
            Ok(accepted) => publisher.send(accepted).await,
            Err(error) => Err(error),
        };
        waiting.results.push(result);
    }
    Ok(std::mem::take(&mut waiting.results))
}

/// Direct events whose turn has not come, and the ends of those before them.
struct Waiting<'a> {
    publisher: &'a EventPublisher,
    events: VecDeque<Result<Accepted, EventError>>,
    results: Vec<Result<(), EventError>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // The caller will not hear of these.
        for error in self.results.drain(..).filter_map(Result::err) {
            log(&error);
        }
        for event in self.events.drain(..) {
            match event {
                Ok(accepted) => self.publisher.hand_over(accepted),
                Err(error) => log(&error),
            }
        }
    }
}

/// Says that an event was not published, where no caller hears of it.
pub(crate) fn log(error: &EventError) {
    let cause = cause(error);
    tracing::error!(%error, cause, "an event was not published");
}

/// Hands over an annotated method's records of a failure, without waiting: never in the caller's transaction.
pub(crate) fn record_failure(events: Vec<Event>) {
    for event in events {
        let event_type = event.event_type().to_owned();
        match publisher().and_then(|publisher| Ok((publisher.accept_failure(event)?, publisher))) {
            Ok((accepted, publisher)) => publisher.hand_over(accepted),
            Err(error) => tracing::error!(%error, event_type, "a failure was not recorded"),
        }
    }
}

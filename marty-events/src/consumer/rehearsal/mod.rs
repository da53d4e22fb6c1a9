//! For tests: handlers are called with no broker. Redelivery and failure can be played.

mod deliverable;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;

use std::{any::type_name, error::Error, sync::Arc, time::Duration};

use sqlx::{Database, Pool};

pub use self::deliverable::{Deliverable, RawRecord};
use super::{EventHandlers, HandlerDescription, HandlerFailure, Incoming, Opened, Unit, envelope::open};
use crate::{EventContext, EventError, testing::EventRecorder};

/// Events that a test delivers to handlers, by [`EventRecorder::deliver`].
///
/// The same rehearsal can be [delivered](Self::to) several times. It then has the same ids, as a redelivery by Kafka has.
#[derive(Debug, Clone)]
#[must_use = "nothing is delivered before `to`"]
pub struct Rehearsal<P = NoPool> {
    recorder: EventRecorder,
    deliverables: Vec<Deliverable>,
    publisher: Option<String>,
    attempt: u32,
    commits: bool,
    pool: P,
}

/// A rehearsal without a database: for handlers with `inbox = none`.
#[derive(Debug, Clone, Copy)]
pub struct NoPool(());

/// The result of a rehearsal in which no handler failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rehearsed {
    /// A handler was called, and its transaction committed.
    Handled,
    /// The handlers had taken every one of the events before, and none was called.
    Duplicate,
    /// A handler was called, and its transaction was rolled back, as [`without_commit`](Rehearsal::without_commit) asks for.
    RolledBack,
}

/// The reason why a rehearsal ended early. Nothing of the failed call is committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The event itself has a fault, and could not have been published.
    #[error("the event could not have been published")]
    Event(#[from] EventError),
    /// No handler is for this event.
    #[error("no handler is for `{event_type}` on the topic `{topic}`; the handlers read {read}")]
    NoHandler {
        /// The record's topic.
        topic: String,
        /// The event's type.
        event_type: String,
        /// The topics that the handlers read.
        read: String,
    },
    /// The handler takes a transaction.
    #[error("`{handler}` takes a transaction; write `.in_pool(&pool)` before `.to(..)`")]
    NoPool {
        /// The handler's name.
        handler: &'static str,
    },
    /// The handler failed.
    #[error("`{handler}`: {failure}")]
    Failed {
        /// The handler's name.
        handler: &'static str,
        /// Its failure.
        #[source]
        failure: HandlerFailure,
    },
    /// The handler took longer than its `timeout`.
    #[error("`{handler}` took longer than {limit:?}")]
    TimedOut {
        /// The handler's name.
        handler: &'static str,
        /// Its `timeout`.
        limit: Duration,
    },
    /// The database could not begin or commit the transaction.
    #[error("the database could not {operation} the transaction")]
    Database {
        /// `begin` or `commit`.
        operation: &'static str,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl RehearsalError {
    /// True if a consumer would not try again: the event cannot be read, or the handler gave up.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Failed { failure, .. } if failure.is_final())
    }
}

impl EventRecorder {
    /// Delivers an event to handlers, without a broker: a typed event, a builder, or a [`RawRecord`]. The recorder has the events
    /// that they publish.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use marty_events::{DomainEvent, EventError, Received, consumer::Rehearsed, domain_event, event_handlers, testing::EventRecorder};
    /// use serde::{Deserialize, Serialize};
    /// use sqlx::{Sqlite, SqlitePool, Transaction};
    ///
    /// #[derive(Serialize, Deserialize, DomainEvent)]
    /// #[event(service = "certificates", aggregate_type = "certificate", event_type = "certificate_revoked")]
    /// struct CertificateRevoked {
    ///     #[event(id)]
    ///     serial: u64,
    /// }
    ///
    /// struct StatusList;
    ///
    /// #[event_handlers]
    /// impl StatusList {
    ///     #[event_handler]
    ///     async fn revoked(
    ///         &self,
    ///         tx: &mut Transaction<'_, Sqlite>,
    ///         event: Received<CertificateRevoked>,
    ///     ) -> Result<(), EventError> {
    ///         self.list(tx, event.serial).await
    ///     }
    ///
    ///     #[domain_event(aggregate_type = "list", event_type = "entry_added", aggregate_id_field = "serial")]
    ///     async fn list(&self, tx: &mut Transaction<'_, Sqlite>, serial: u64) -> Result<(), EventError> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let pool = SqlitePool::connect("sqlite::memory:").await?;
    /// let recorder = EventRecorder::new();
    /// let delivery = recorder.deliver(CertificateRevoked { serial: 7 }).in_pool(&pool);
    /// assert_eq!(delivery.to(&StatusList).await?, Rehearsed::Handled);
    /// assert_eq!(delivery.to(&StatusList).await?, Rehearsed::Duplicate);
    /// recorder.assert_published("entry_added").key("7").times(1);
    /// # Ok(()) }
    /// ```
    pub fn deliver(&self, event: impl Into<Deliverable>) -> Rehearsal {
        self.deliver_all([event])
    }

    /// Delivers several events, in their order. A handler of batches gets neighbours in one call.
    pub fn deliver_all<I>(&self, events: I) -> Rehearsal
    where
        I: IntoIterator<Item: Into<Deliverable>>,
    {
        Rehearsal {
            recorder: self.clone(),
            deliverables: events.into_iter().map(Into::into).collect(),
            publisher: None,
            attempt: 1,
            commits: true,
            pool: NoPool(()),
        }
    }
}

impl Rehearsal {
    /// The database of the handlers' transactions. SQLite in memory is the easy one. The tables of the inbox are not needed.
    pub fn in_pool<DB: Database>(self, pool: &Pool<DB>) -> Rehearsal<Pool<DB>> {
        let Self { recorder, deliverables, publisher, attempt, commits, pool: NoPool(()) } = self;
        Rehearsal { recorder, deliverables, publisher, attempt, commits, pool: pool.clone() }
    }

    /// Calls the handlers that are for the events. All of them have `inbox = none`.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`]: a handler failed, none is for an event, or one takes a transaction.
    pub async fn to<DB: Database, H: EventHandlers<DB>>(&self, handlers: &H) -> Result<Rehearsed, RehearsalError> {
        self.run(handlers, None).await
    }
}

impl<DB: Database> Rehearsal<Pool<DB>> {
    /// Calls the handlers that are for the events, each in a transaction of its own. An event that these handlers have taken before is
    /// dropped, as by the inbox.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`]: a handler failed, or none is for an event.
    pub async fn to<H: EventHandlers<DB>>(&self, handlers: &H) -> Result<Rehearsed, RehearsalError> {
        self.run(handlers, Some(&self.pool)).await
    }
}

impl<P> Rehearsal<P> {
    /// The service that publishes the events. Unless set, a typed event has the service that its type names, and any other event the recorder's.
    pub fn published_by(mut self, service: impl Into<String>) -> Self {
        self.publisher = Some(service.into());
        self
    }

    /// The number of the call that handlers see; 1 unless set.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Rolls the handler's transaction back after the call, as a crash before the commit does. The event counts as not taken.
    pub fn without_commit(mut self) -> Self {
        self.commits = false;
        self
    }

    async fn run<DB: Database, H: EventHandlers<DB>>(
        &self,
        handlers: &H,
        pool: Option<&Pool<DB>>,
    ) -> Result<Rehearsed, RehearsalError> {
        let mut result = Rehearsed::Duplicate;
        for call in self.calls(H::HANDLERS)? {
            let new: Vec<Incoming> =
                call.events.into_iter().filter(|record| !self.is_taken::<H>(call.handler, record)).collect();
            if new.is_empty() {
                continue;
            }
            result = self.call(handlers, call.index, call.handler, new, pool).await?;
        }
        Ok(result)
    }

    fn is_taken<H>(&self, handler: &HandlerDescription, opened: &Opened) -> bool {
        handler.has_inbox && self.recorder.has_taken(type_name::<H>(), &opened.identity.event_id)
    }

    async fn call<DB: Database, H: EventHandlers<DB>>(
        &self,
        handlers: &H,
        index: usize,
        handler: &'static HandlerDescription,
        events: Vec<Incoming>,
        pool: Option<&Pool<DB>>,
    ) -> Result<Rehearsed, RehearsalError> {
        let failed = |operation, source: sqlx::Error| RehearsalError::Database { operation, source: Box::new(source) };
        let mut unit = match (handler.has_inbox, pool) {
            (false, _) => Unit::without_transaction(),
            (true, Some(pool)) => Unit::new(pool.begin().await.map_err(|source| failed("begin", source))?),
            (true, None) => return Err(RehearsalError::NoPool { handler: handler.name }),
        };
        // Many events have no cause in common.
        let context = match events.as_slice() {
            [one] => one.context(),
            _ => EventContext::new(),
        };
        let recorder = self.recorder.of_a_call();
        let called = recorder.scope(context.scope(handlers.call(index, &mut unit, events.clone())));
        let answer = match handler.timeout {
            Some(limit) => match tokio::time::timeout(limit, called).await {
                Ok(answer) => answer.map_err(|failure| RehearsalError::Failed { handler: handler.name, failure }),
                Err(_) => Err(RehearsalError::TimedOut { handler: handler.name, limit }),
            },
            None => called.await.map_err(|failure| RehearsalError::Failed { handler: handler.name, failure }),
        };
        let commits = answer.is_ok() && self.commits;
        if let (true, Some(transaction)) = (commits, unit.into_transaction()) {
            transaction.commit().await.map_err(|source| failed("commit", source))?;
        }
        self.recorder.take_over(&recorder, commits);
        answer?;
        if !self.commits {
            return Ok(Rehearsed::RolledBack);
        }
        if handler.has_inbox {
            for event in events {
                self.recorder.take(type_name::<H>(), event.identity.event_id.clone());
            }
        }
        Ok(Rehearsed::Handled)
    }

    fn calls(&self, handlers: &'static [HandlerDescription]) -> Result<Vec<Call>, RehearsalError> {
        let mut calls: Vec<Call> = Vec::new();
        for (offset, deliverable) in (0..).zip(&self.deliverables) {
            let mut delivery = deliverable.delivery(self.recorder.source(), self.publisher.as_deref())?;
            delivery.attempt = self.attempt;
            delivery.offset = offset;
            let event = Arc::new(open(delivery));
            let (index, handler) = self.find(handlers, &event)?;
            match calls.last_mut() {
                Some(call) if call.index == index && handler.is_batch => call.events.push(event),
                _ => calls.push(Call { index, handler, events: vec![event] }),
            }
        }
        Ok(calls)
    }

    fn find(
        &self,
        handlers: &'static [HandlerDescription],
        event: &Opened,
    ) -> Result<(usize, &'static HandlerDescription), RehearsalError> {
        let source = self.recorder.source();
        let mut read = Vec::new();
        for (index, handler) in handlers.iter().enumerate() {
            let topics = handler.events.topics(source)?;
            if topics.iter().any(|topic| **topic == *event.delivery.topic)
                && handler.events.takes(event, handler.has_envelope)
            {
                return Ok((index, handler));
            }
            read.extend(topics);
        }
        let event_type = event.event_type.clone().unwrap_or_else(|| "a record without a type".to_owned());
        Err(RehearsalError::NoHandler { topic: event.delivery.topic.to_string(), event_type, read: read.join(", ") })
    }
}

/// One call of a handler.
struct Call {
    index: usize,
    handler: &'static HandlerDescription,
    events: Vec<Incoming>,
}

#![allow(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "each step asserts at once")]

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{Assertion, EventRecorder, RecordedEvent, Route};
use crate::{DecodeError, TypedEvent, TypedEventKind, decode};

/// The typed events that an assertion is still about.
#[derive(Debug, Clone)]
pub struct TypedAssertion<T> {
    assertion: Assertion,
    event: PhantomData<fn() -> T>,
}

impl EventRecorder {
    /// Asserts that an event of this type was published, in any version that the type reads. Each further step asserts at once.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), marty_events::EventError> {
    /// use marty_events::{DomainEvent, testing::EventRecorder};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, DomainEvent)]
    /// #[event(aggregate_type = "certificate", event_type = "certificate_revoked")]
    /// struct CertificateRevoked {
    ///     #[event(id)]
    ///     serial: String,
    /// }
    ///
    /// let recorder = EventRecorder::new();
    /// let event = CertificateRevoked { serial: "0a:41".to_owned() };
    /// recorder.scope(async { marty_events::publisher()?.publish(event).await }).await?;
    /// let event = recorder.assert_published_event::<CertificateRevoked>().key("0a:41").times(1).event();
    /// assert_eq!(event.serial, "0a:41");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// When there is none, with a list of the recorded events.
    #[track_caller]
    pub fn assert_published_event<T: TypedEvent>(&self) -> TypedAssertion<T> {
        TypedAssertion::of(Assertion::begin_typed::<T>(self.events()))
    }

    /// Asserts that no event of this type was published.
    ///
    /// # Panics
    ///
    /// When there is one, with a list of the recorded events.
    #[track_caller]
    pub fn assert_not_published_event<T: TypedEvent>(&self) {
        Assertion::none_typed::<T>(&self.events());
    }
}

impl<T: TypedEvent> TypedAssertion<T> {
    /// With this key.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn key(self, key: &str) -> Self {
        Self::of(self.assertion.key(key))
    }

    /// On this topic.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn topic(self, topic: &str) -> Self {
        Self::of(self.assertion.topic(topic))
    }

    /// That went this way.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn route(self, route: Route) -> Self {
        Self::of(self.assertion.route(route))
    }

    /// Whose payload has this value at a JSON pointer (RFC 6901), such as `/event_data/email`.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn payload(self, pointer: &str, value: impl Into<serde_json::Value>) -> Self {
        Self::of(self.assertion.payload(pointer, value))
    }

    /// Exactly so many of those.
    ///
    /// # Panics
    ///
    /// When there are more or fewer.
    #[track_caller]
    pub fn times(self, count: usize) -> Self {
        Self::of(self.assertion.times(count))
    }

    /// The first of those, decoded as a consumer would.
    ///
    /// # Panics
    ///
    /// When its data cannot be read as the type.
    #[track_caller]
    pub fn event(self) -> T
    where
        T: DeserializeOwned,
    {
        // Each step leaves one event at the least.
        match self.assertion.first().map(read) {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                panic!("{error}{cause}\n{}", self.assertion.listed())
            }
            None => panic!("no event is left\n{}", self.assertion.listed()),
        }
    }

    fn of(assertion: Assertion) -> Self {
        Self { assertion, event: PhantomData }
    }
}

fn read<T: TypedEvent + DeserializeOwned>(event: &RecordedEvent) -> Result<T, DecodeError> {
    match T::KIND {
        TypedEventKind::Custom { .. } => decode(T::EVENT_VERSION, event.payload.to_string().as_bytes()),
        TypedEventKind::Domain { .. } => {
            let version = event.payload["event_version"].as_u64().and_then(|version| u32::try_from(version).ok());
            decode(version.unwrap_or_default(), event.payload["event_data"].to_string().as_bytes())
        }
    }
}

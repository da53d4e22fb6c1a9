//! Items that the derives of events name, and attributes with an event in first place.

pub use crate::event::typed::{EventBody, NoOlder, Older, TypedEvent, TypedEventKind};

use serde::de::DeserializeOwned;

use crate::event::{CustomEvent, DomainEvent, Json};

/// The builder of a domain event.
pub fn domain<T: TypedEvent + EventBody>(event: &T) -> DomainEvent {
    DomainEvent::typed(event)
}

/// The builder of a custom event.
pub fn custom<T: TypedEvent + EventBody>(event: &T) -> CustomEvent {
    CustomEvent::typed(event)
}

/// Types that `#[domain_event(..)]` takes in first place.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a domain event",
    label = "does not derive `DomainEvent`",
    note = "add `#[derive(marty_events::DomainEvent)]` to `{Self}`; a type with `CustomEvent` belongs into `#[custom_event(..)]`"
)]
pub trait IsDomainEvent {
    fn builder(&self) -> DomainEvent;
}

#[diagnostic::do_not_recommend]
impl<T: TypedEvent<Builder = DomainEvent>> IsDomainEvent for T {
    fn builder(&self) -> DomainEvent {
        self.to_builder()
    }
}

/// Types that `#[custom_event(..)]` takes in first place.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a custom event",
    label = "does not derive `CustomEvent`",
    note = "add `#[derive(marty_events::CustomEvent)]` to `{Self}`; a type with `DomainEvent` belongs into `#[domain_event(..)]`"
)]
pub trait IsCustomEvent {
    fn builder(&self) -> CustomEvent;
}

#[diagnostic::do_not_recommend]
impl<T: TypedEvent<Builder = CustomEvent>> IsCustomEvent for T {
    fn builder(&self) -> CustomEvent {
        self.to_builder()
    }
}

/// The event in first place of an attribute, written before the body may move the arguments.
pub fn domain_event<T: IsDomainEvent>(event: &T) -> DomainEvent {
    event.builder()
}

/// See [`domain_event`].
pub fn custom_event<T: IsCustomEvent>(event: &T) -> CustomEvent {
    event.builder()
}

/// The same event for the record of a failure. Data that cannot be written is left out: the record matters more.
pub trait Kept: Clone {
    #[must_use]
    fn kept(&self) -> Self;
}

impl Kept for DomainEvent {
    fn kept(&self) -> Self {
        let mut event = self.clone();
        event.payload.event_data = written(event.payload.event_data);
        event
    }
}

impl Kept for CustomEvent {
    fn kept(&self) -> Self {
        let mut event = self.clone();
        event.payload = written(event.payload);
        event
    }
}

fn written(data: Json) -> Json {
    data.written().unwrap_or_default()
}

/// Holds at compile time that a handler of the event can be described: its data can be read, and its topic is known.
pub const fn can_be_handled<T: TypedEvent + DeserializeOwned>() {
    assert!(
        T::SERVICE.is_some() || matches!(T::KIND, TypedEventKind::Custom { .. }),
        "the topic of the event begins with its service; write `service = \"..\"` in its `#[event(..)]`"
    );
}

/// The versions before `T` that a reader of `T` converts.
pub fn older_versions<T: TypedEvent>() -> Vec<u32> {
    <T::Older as Older<T>>::versions()
}

/// True if `Old` is an earlier version of the event that `New` is.
pub const fn is_earlier<Old: TypedEvent, New: TypedEvent>() -> bool {
    Old::EVENT_VERSION < New::EVENT_VERSION
}

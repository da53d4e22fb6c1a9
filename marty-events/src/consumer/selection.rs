//! The events that a handler is for, and the check that no event has two handlers.

use super::envelope::Opened;
use crate::{
    EventError, TypedEvent, TypedEventKind,
    event::{source::Source, topic},
};

/// The events that a handler is for.
#[derive(Debug, Clone, Copy)]
pub enum EventSelection {
    /// A typed event: its topics follow from the kind.
    Typed {
        /// The kind, with the aggregate's type or the topic.
        kind: TypedEventKind,
        /// The publishing service; the consumer's own where the type names none.
        service: Option<&'static str>,
        /// The types, at least one.
        event_types: &'static [&'static str],
    },
    /// By topic and types.
    Named {
        /// The topic without the prefix.
        topic: &'static str,
        /// The types; every type where the list is empty.
        event_types: &'static [&'static str],
    },
}

impl EventSelection {
    /// The selection of a typed event.
    #[doc(hidden)]
    #[must_use]
    pub const fn typed<T: TypedEvent>() -> Self {
        Self::Typed { kind: T::KIND, service: T::SERVICE, event_types: T::EVENT_TYPES }
    }

    /// The topics of these events, with their prefix and without doubles. The source is the consuming service.
    pub(super) fn topics(&self, source: &Source) -> Result<Vec<String>, EventError> {
        let prefix = &source.topic_prefix;
        let mut topics = match *self {
            Self::Named { topic, .. } => vec![topic::prefixed(prefix, topic)?],
            Self::Typed { kind: TypedEventKind::Custom { topic }, .. } => vec![topic::custom(prefix, topic)?],
            Self::Typed { kind: TypedEventKind::Domain { aggregate_type }, service, event_types } => {
                let service = service.unwrap_or(&source.service.name);
                let topic = |name: &&str| source.domain_topic.domain(prefix, service, aggregate_type, name);
                event_types.iter().map(topic).collect::<Result<_, _>>()?
            }
        };
        topics.sort();
        topics.dedup();
        Ok(topics)
    }

    /// True if an event on one of these topics is one of these.
    ///
    /// A record whose type cannot be read is taken too: the handler's call then says that it is unreadable, and nothing is lost in
    /// silence. A tombstone has no event.
    pub(super) fn takes(&self, opened: &Opened, has_envelope: bool) -> bool {
        let (Self::Typed { event_types, .. } | Self::Named { event_types, .. }) = self;
        if !has_envelope {
            return true;
        }
        let Some(event_type) = opened.event_type.as_deref() else { return !opened.is_tombstone() };
        let is_about = match (self, opened.aggregate_type.as_deref()) {
            (Self::Typed { kind: TypedEventKind::Domain { aggregate_type }, .. }, Some(given)) => {
                given.eq_ignore_ascii_case(aggregate_type)
            }
            _ => true,
        };
        is_about && (event_types.is_empty() || event_types.contains(&event_type))
    }

    /// True if an event may be one of both. Topics of domain events are those of the default pattern, or of one topic an aggregate.
    #[must_use]
    pub(super) const fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named { topic, event_types }, Self::Named { topic: others, event_types: other_types }) => {
                is_same(topic, others)
                    && (event_types.is_empty() || other_types.is_empty() || have_common(event_types, other_types))
            }
            (
                Self::Typed { kind, service, event_types },
                Self::Typed { kind: other_kind, service: other_service, event_types: other_types },
            ) => {
                is_same_kind(kind, other_kind)
                    && is_same_service(*service, *other_service)
                    && have_common(event_types, other_types)
            }
            (Self::Typed { kind, service, event_types }, Self::Named { topic, event_types: named })
            | (Self::Named { topic, event_types: named }, Self::Typed { kind, service, event_types }) => {
                is_on(kind, *service, event_types, topic) && (named.is_empty() || have_common(event_types, named))
            }
        }
    }
}

const fn is_same_kind(one: &TypedEventKind, other: &TypedEventKind) -> bool {
    match (one, other) {
        (TypedEventKind::Domain { aggregate_type: one }, TypedEventKind::Domain { aggregate_type: other })
        | (TypedEventKind::Custom { topic: one }, TypedEventKind::Custom { topic: other }) => is_same(one, other),
        _ => false,
    }
}

const fn is_same_service(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => is_same(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// True if a typed event is on this topic.
const fn is_on(kind: &TypedEventKind, service: Option<&str>, event_types: &[&str], topic: &str) -> bool {
    match (kind, service) {
        (TypedEventKind::Custom { topic: own }, _) => is_same(own, topic),
        // The consumer's own service is known at run time only.
        (TypedEventKind::Domain { .. }, None) => false,
        (TypedEventKind::Domain { aggregate_type }, Some(service)) => {
            let Some(rest) = without(topic.as_bytes(), service) else { return false };
            let Some(rest) = after_dot(rest) else { return false };
            let Some(rest) = without(rest, aggregate_type) else { return false };
            if rest.is_empty() {
                return true;
            }
            let Some(rest) = after_dot(rest) else { return false };
            let mut index = 0;
            while index < event_types.len() {
                if event_types[index].as_bytes().eq_ignore_ascii_case(rest) {
                    return true;
                }
                index += 1;
            }
            false
        }
    }
}

/// The rest behind a beginning, in any case of letters: topics of domain events are in lower case.
const fn without<'a>(text: &'a [u8], beginning: &str) -> Option<&'a [u8]> {
    if text.len() < beginning.len() {
        return None;
    }
    let (first, rest) = text.split_at(beginning.len());
    if first.eq_ignore_ascii_case(beginning.as_bytes()) { Some(rest) } else { None }
}

const fn after_dot(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'.', rest @ ..] => Some(rest),
        _ => None,
    }
}

const fn have_common(one: &[&str], other: &[&str]) -> bool {
    let mut index = 0;
    while index < one.len() {
        let mut place = 0;
        while place < other.len() {
            if is_same(one[index], other[place]) {
                return true;
            }
            place += 1;
        }
        index += 1;
    }
    false
}

pub(super) const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

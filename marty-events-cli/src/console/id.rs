//! The names of letters, and of places among them, in addresses.

use std::{fmt, str::FromStr};

use marty_events::outbox::DeadLetterPlace;
use serde::Deserialize;
use uuid::Uuid;

/// The name of a letter in addresses: the event's id in the outbox, and the number in the inbox, where an id has a letter in each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Id {
    Event(Uuid),
    Number(i64),
}

/// The part of a letter's paths that names it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Named {
    pub(super) id: Id,
}

/// The end of a page of letters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cursor {
    Outbox(DeadLetterPlace),
    Inbox(i64),
}

impl FromStr for Id {
    type Err = uuid::Error;

    /// A number has up to 19 digits, and the shortest form of an id 32.
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self::Number).or_else(|_| text.parse().map(Self::Event))
    }
}

impl TryFrom<String> for Id {
    type Error = uuid::Error;

    fn try_from(text: String) -> Result<Self, uuid::Error> {
        text.parse()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outbox(place) => place.fmt(f),
            Self::Inbox(number) => number.fmt(f),
        }
    }
}

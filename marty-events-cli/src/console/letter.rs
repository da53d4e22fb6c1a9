//! One dead letter, of the outbox or of a consumer group, and the common parts of its pages.

use jiff::Timestamp;
use marty_events::{inbox::InboxLetter, outbox::DeadLetter};
use maud::{Markup, html};

use super::{
    id::{Cursor, Id},
    text::{grouped, time},
};
use crate::plain::plain;

/// A dead letter, wherever it is.
pub(super) enum Letter {
    Outbox(Box<DeadLetter>),
    Inbox(Box<InboxLetter>),
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        Self::Outbox(Box::new(letter))
    }
}

impl From<InboxLetter> for Letter {
    fn from(letter: InboxLetter) -> Self {
        Self::Inbox(Box::new(letter))
    }
}

impl Letter {
    pub(super) fn id(&self) -> Id {
        match self {
            Self::Outbox(dead) => Id::Event(dead.event.event_id),
            Self::Inbox(letter) => Id::Number(letter.id),
        }
    }

    pub(super) fn cursor(&self) -> Cursor {
        match self {
            Self::Outbox(dead) => Cursor::Outbox(dead.place()),
            Self::Inbox(letter) => Cursor::Inbox(letter.id),
        }
    }

    pub(super) fn event_id(&self) -> String {
        match self {
            Self::Outbox(dead) => dead.event.event_id.to_string(),
            Self::Inbox(letter) => letter.event_id.clone(),
        }
    }

    pub(super) fn event_type(&self) -> Option<&str> {
        match self {
            Self::Outbox(dead) => Some(&dead.event.event_type),
            Self::Inbox(letter) => letter.event_type.as_deref(),
        }
    }

    pub(super) fn topic(&self) -> &str {
        match self {
            Self::Outbox(dead) => &dead.event.topic,
            Self::Inbox(letter) => &letter.topic,
        }
    }

    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Outbox(dead) => dead.event.key.as_deref(),
            Self::Inbox(letter) => Some(&letter.key),
        }
    }

    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Outbox(dead) => &dead.reason,
            Self::Inbox(letter) => &letter.reason,
        }
    }

    /// The reason why the event cannot be read.
    pub(super) fn problem(&self) -> Option<&str> {
        match self {
            Self::Outbox(dead) => dead.problem.as_deref(),
            Self::Inbox(_) => None,
        }
    }

    pub(super) fn attempts(&self) -> u64 {
        match self {
            Self::Outbox(dead) => u64::try_from(dead.event.attempts).unwrap_or_default(),
            Self::Inbox(letter) => letter.attempts.into(),
        }
    }

    pub(super) fn died_at(&self) -> Timestamp {
        match self {
            Self::Outbox(dead) => dead.died_at,
            Self::Inbox(letter) => letter.died_at,
        }
    }

    /// An emptied event cannot be requeued.
    pub(super) fn is_redacted(&self) -> bool {
        matches!(self, Self::Outbox(dead) if dead.redacted)
    }

    /// The later events of its key wait for it.
    pub(super) fn is_held(&self) -> bool {
        matches!(self, Self::Inbox(letter) if letter.is_held)
    }

    pub(super) fn headers(&self) -> Vec<(String, String)> {
        match self {
            Self::Outbox(dead) => dead.event.headers.clone(),
            Self::Inbox(letter) => {
                let text =
                    |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8_lossy(value).into_owned());
                letter.headers.iter().map(text).collect()
            }
        }
    }

    /// `None` for a tombstone.
    pub(super) fn payload(&self) -> Option<&[u8]> {
        match self {
            Self::Outbox(dead) => Some(&dead.event.payload),
            Self::Inbox(letter) => letter.value.as_deref(),
        }
    }

    /// Headers and payload are left out, since they may hold personal data.
    pub(super) fn facts(&self) -> Markup {
        html! {
            dl.facts {
                dt { "Event" } dd { code { (plain(&self.event_id())) } }
                dt { "Type" } dd { @match self.event_type() { Some(name) => bdi { (plain(name)) }, None => "none" } }
                dt { "Topic" } dd { code { (plain(self.topic())) } }
                @match self {
                    Self::Outbox(dead) => (outbox_facts(dead)),
                    Self::Inbox(letter) => (inbox_facts(letter)),
                }
            }
            @if self.is_redacted() { p.note { "Payload and headers were emptied, so this event cannot be requeued." } }
        }
    }
}

fn outbox_facts(dead: &DeadLetter) -> Markup {
    let event = &dead.event;
    html! {
        dt { "Key" } dd { @match &event.key { Some(key) => code { (plain(key)) }, None => "none" } }
        dt { "Ordering key" } dd { @match &event.ordering_key { Some(key) => code { (plain(key)) }, None => "none" } }
        dt { "Reason" } dd.reason { bdi { (plain(&dead.reason)) } }
        dt { "Attempts" } dd { (event.attempts) }
        dt { "Written" } dd { (time(event.created_at)) }
        dt { "Given up" } dd { (time(dead.died_at)) }
        @if let Some(problem) = &dead.problem { dt { "Problem" } dd.reason { bdi { (unread(problem)) } } }
        dt { "Payload" } dd { @if dead.redacted { "emptied" } @else { (grouped(event.payload_bytes)) " bytes" } }
    }
}

fn inbox_facts(letter: &InboxLetter) -> Markup {
    html! {
        dt { "Partition" } dd { (letter.partition) ", offset " (letter.offset) }
        dt { "Key" } dd { code { (plain(&letter.key)) } ", which " @if letter.is_held { "waits for this letter" } @else { "has gone on" } }
        dt { "Group" } dd { bdi { (plain(&letter.group)) } }
        dt { "Reason" } dd.reason { bdi { (plain(&letter.reason)) } }
        dt { "Attempts" } dd { (letter.attempts) }
        dt { "Parked" } dd { (time(letter.parked_at)) }
        dt { "Given up" } dd { (time(letter.died_at)) }
        dt { "Payload" } dd { (grouped(letter.value_bytes)) " bytes" }
    }
}

pub(super) fn unread(problem: &str) -> String {
    format!("This event cannot be read: {}", plain(problem))
}

//! The judgement on an outbox, in one word and with the reasons.

use std::time::Duration;

use maud::{Markup, html};

use super::{
    text::{counted, duration},
    watch::Look,
};

/// An event that has waited longer is worth a word: a relay delivers within a second.
const LATE: Duration = Duration::from_secs(10);
/// An event that has waited longer is held up.
const HELD_UP: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Fine,
    Waiting,
    Failing,
}

/// A state and the sentences that explain it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) state: State,
    pub(super) reasons: Vec<String>,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fine => "Fine",
            Self::Waiting => "Waiting",
            Self::Failing => "Failing",
        }
    }

    /// The word with its colour. The sign before it tells the states apart where colours do not.
    pub(super) fn badge(self) -> Markup {
        let (class, sign) = match self {
            Self::Fine => ("fine", "✓"),
            Self::Waiting => ("waiting", "…"),
            Self::Failing => ("failing", "!"),
        };
        html! { strong class={ "state " (class) } { span aria-hidden="true" { (sign) } " " (self.word()) } }
    }
}

impl Condition {
    pub(super) fn of(look: &Look) -> Self {
        let (stats, mut reasons) = (look.stats, Vec::new());
        let oldest = stats.oldest_pending_age.unwrap_or_default();
        let is_carried = look.relays.iter().any(|relay| relay.is_alive && !relay.lanes.is_empty());
        if !is_carried {
            reasons.push(if stats.pending == 0 {
                "No relay is working: new events would wait.".to_owned()
            } else {
                format!("No relay is working: {} wait.", counted(stats.pending, "event"))
            });
        }
        if 0 < stats.dead {
            let verb = if stats.dead == 1 { "waits" } else { "wait" };
            reasons.push(format!("{} {verb} for a decision.", counted(stats.dead, "dead letter")));
        }
        if HELD_UP < oldest {
            reasons.push(format!("The oldest event has waited for {}.", duration(oldest)));
        }
        if !reasons.is_empty() {
            return Self { state: State::Failing, reasons };
        }
        if LATE < oldest {
            let verb = if stats.pending == 1 { "waits" } else { "wait" };
            let reason = format!("{} {verb}, the oldest for {}.", counted(stats.pending, "event"), duration(oldest));
            return Self { state: State::Waiting, reasons: vec![reason] };
        }
        Self { state: State::Fine, reasons: vec!["Events are delivered as they come.".to_owned()] }
    }

    pub(super) fn banner(&self) -> Markup {
        let class = match self.state {
            State::Fine => "fine",
            State::Waiting => "waiting",
            State::Failing => "failing",
        };
        html! {
            div class={ "banner " (class) } role="status" {
                (self.state.badge())
                @for reason in &self.reasons { span { (reason) } " " }
            }
        }
    }
}

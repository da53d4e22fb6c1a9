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
        let is_carried = look.relays.iter().any(|relay| relay.is_alive && !relay.lanes.is_empty());
        let stats = look.stats;
        Self::by(is_carried, stats.pending, stats.oldest_pending_age.unwrap_or_default(), stats.dead)
    }

    fn by(is_carried: bool, pending: u64, oldest: Duration, dead: u64) -> Self {
        let mut reasons = Vec::new();
        if !is_carried {
            reasons.push(if pending == 0 {
                "No relay is working: new events would wait.".to_owned()
            } else {
                format!("No relay is working: {} wait.", counted(pending, "event"))
            });
        }
        if 0 < dead {
            let verb = if dead == 1 { "waits" } else { "wait" };
            reasons.push(format!("{} {verb} for a decision.", counted(dead, "dead letter")));
        }
        if HELD_UP < oldest {
            reasons.push(format!("The oldest event has waited for {}.", duration(oldest)));
        }
        if !reasons.is_empty() {
            return Self { state: State::Failing, reasons };
        }
        if LATE < oldest {
            let verb = if pending == 1 { "waits" } else { "wait" };
            let reason = format!("{} {verb}, the oldest for {}.", counted(pending, "event"), duration(oldest));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_is_judged_in_a_word_with_its_reasons() {
        let judged = |is_carried, pending, seconds, dead| {
            let condition = Condition::by(is_carried, pending, Duration::from_secs(seconds), dead);
            format!("{}: {}", condition.state.word(), condition.reasons.join(" "))
        };
        assert_eq!(judged(true, 0, 0, 0), "Fine: Events are delivered as they come.");
        assert_eq!(judged(true, 9_000, 10, 0), "Fine: Events are delivered as they come.");
        assert_eq!(judged(true, 1, 11, 0), "Waiting: 1 event waits, the oldest for 11s.");
        assert_eq!(
            judged(true, 2, 301, 1),
            "Failing: 1 dead letter waits for a decision. The oldest event has waited for 5m 1s."
        );
        assert_eq!(judged(false, 1_200, 1, 0), "Failing: No relay is working: 1,200 events wait.");
        assert_eq!(judged(false, 0, 0, 0), "Failing: No relay is working: new events would wait.");
    }
}

//! The judgement on an outbox, in one word and with the reasons.

use std::time::Duration;

use marty_events::inbox::InboxStats;
use maud::{Markup, html};

use super::{
    text::{counted, duration},
    watch::Look,
};
use crate::plain::plain;

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
        let groups = || look.inbox.groups().iter().map(|group| (group.group.as_str(), &group.stats));
        let Some(stats) = look.stats else {
            let reasons = vec!["This database has an inbox and no outbox.".to_owned()];
            return Self { state: State::Fine, reasons }.with_groups(groups());
        };
        let is_carried = look.relays.iter().any(|relay| relay.is_alive && !relay.lanes.is_empty());
        let outbox = Self::by(is_carried, stats.pending, stats.oldest_pending_age.unwrap_or_default(), stats.dead);
        outbox.with_groups(groups())
    }

    /// The worse of this state and that of the consumer groups. A key that waits has others that go on, so it fails with a dead letter alone.
    fn with_groups<'g>(mut self, groups: impl Iterator<Item = (&'g str, &'g InboxStats)>) -> Self {
        for (group, stats) in groups {
            let group = plain(group);
            let mut add = |state: State, number: u64, noun: &str, does: [&str; 2]| {
                if number == 0 || state < self.state {
                    return;
                }
                // Reasons of a better state are not worth a word beside it.
                if self.state < state {
                    self = Self { state, reasons: Vec::new() };
                }
                let does = if number == 1 { does[0] } else { does[1] };
                self.reasons.push(format!("{} of the group {group} {does}.", counted(number, noun)));
            };
            add(State::Failing, stats.dead_letters, "dead letter", ["waits for a decision", "wait for a decision"]);
            add(State::Waiting, stats.parked_keys, "key", ["waits for its next try", "wait for their next try"]);
        }
        self
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

    #[test]
    fn a_group_makes_the_state_worse_and_never_better() {
        let judged = |pending, seconds, parked_keys, dead_letters| {
            let mut stats = InboxStats::default();
            (stats.parked_keys, stats.dead_letters) = (parked_keys, dead_letters);
            let outbox = Condition::by(true, pending, Duration::from_secs(seconds), 0);
            let condition = outbox.with_groups([("mail", &InboxStats::default()), ("list", &stats)].into_iter());
            format!("{}: {}", condition.state.word(), condition.reasons.join(" "))
        };
        assert_eq!(judged(0, 0, 0, 0), "Fine: Events are delivered as they come.");
        assert_eq!(judged(0, 0, 2, 0), "Waiting: 2 keys of the group list wait for their next try.");
        assert_eq!(judged(0, 0, 1, 1), "Failing: 1 dead letter of the group list waits for a decision.");
        assert_eq!(
            judged(1, 11, 1, 0),
            "Waiting: 1 event waits, the oldest for 11s. 1 key of the group list waits for its next try."
        );
        assert_eq!(judged(1, 301, 1, 0), "Failing: The oldest event has waited for 5m 1s.");
    }
}

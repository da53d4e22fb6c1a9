use std::fmt;

use console::style;
use serde::Serialize;

use super::explanation::{Explanation, paragraph};
use crate::{exit::Exit, plain::lines};

/// The names of all checks that run always, in this order. Scripts may rely on them.
const CHECKS: [&str; 14] = [
    "configuration",
    "database",
    "tables",
    "privileges",
    "clock",
    "relay",
    "lanes",
    "backlog",
    "dead-letters",
    "broker",
    "advertised-addresses",
    "prefix",
    "topics",
    "message-size",
];

/// The names of the checks that run where the database has an inbox, behind the others.
const OF_GROUPS: [&str; 4] = ["inbox", "inbox-retention", "group-offsets", "group-members"];

/// The checks that need an outbox.
const OF_OUTBOX: [&str; 5] = ["privileges", "relay", "lanes", "backlog", "dead-letters"];

/// The findings, check by check.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// No check failed.
    ok: bool,
    checks: Vec<Check>,
    sum: Sum,
    #[serde(skip)]
    is_without_outbox: bool,
}

/// The number of checks in each state.
#[derive(Debug, Default, Serialize)]
struct Sum {
    ok: usize,
    warning: usize,
    failed: usize,
    skipped: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) found: String,
    /// The cure of a failure or of a warning.
    pub(super) advice: Option<String>,
    #[serde(flatten)]
    explanation: Option<&'static Explanation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Everything is in order.
    Ok,
    /// Events are delivered, but a fault may be near.
    Warning,
    /// Events are not delivered, or not in time.
    Failed,
    /// The check could not run.
    Skipped,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), advice: None, explanation: None }
    }

    pub(super) fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Warning, found: found.into(), advice: Some(advice.into()), explanation: None }
    }

    pub(super) fn failed(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Failed, found: found.into(), advice: Some(advice.into()), explanation: None }
    }
}

impl Report {
    pub(super) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// The checks of the outbox are left out.
    pub(super) fn has_no_outbox(&mut self) {
        self.is_without_outbox = true;
    }

    /// Adds the checks that did not run, because another check must succeed first.
    pub(super) fn skip_the_rest(&mut self) {
        let of_groups = OF_GROUPS.iter().filter(|_| self.state("inbox").is_some());
        let names: Vec<&str> = CHECKS.iter().chain(of_groups).copied().collect();
        for name in names.iter().copied() {
            if self.state(name).is_none() {
                let is_of_outbox = self.is_without_outbox && OF_OUTBOX.contains(&name);
                let found =
                    if is_of_outbox { "the database has no outbox" } else { "another check must succeed first" }
                        .to_owned();
                self.checks.push(Check { name, state: State::Skipped, found, advice: None, explanation: None });
            }
        }
        let place = |check: &Check| names.iter().position(|name| *name == check.name);
        self.checks.sort_by_key(place);
        self.ok = !self.has(State::Failed);
        let count = |state| self.checks.iter().filter(|check| check.state == state).count();
        self.sum = Sum {
            ok: count(State::Ok),
            warning: count(State::Warning),
            failed: count(State::Failed),
            skipped: count(State::Skipped),
        };
    }

    /// Adds to each check the reason why it matters.
    pub(super) fn explain(&mut self) {
        for check in &mut self.checks {
            check.explanation = Explanation::of(check.name);
        }
    }

    pub(super) fn exit(&self, strict: bool) -> Exit {
        let is_wrong = self.has(State::Failed) || strict && self.has(State::Warning);
        if is_wrong { Exit::Found } else { Exit::Done }
    }

    /// The finding of a check that has run.
    pub(super) fn state(&self, name: &str) -> Option<State> {
        self.checks.iter().find(|check| check.name == name).map(|check| check.state)
    }

    fn has(&self, state: State) -> bool {
        self.checks.iter().any(|check| check.state == state)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = CHECKS.iter().map(|name| name.len()).max().unwrap_or_default();
        for Check { name, state, found, advice, explanation } in &self.checks {
            let state = match state {
                State::Ok => style("ok     ").green(),
                State::Warning => style("warning").yellow().bold(),
                State::Failed => style("failed ").red().bold(),
                State::Skipped => style("skipped").dim(),
            };
            let indent = format!("\n{:1$}", "", 7 + 2 + width + 2);
            writeln!(f, "{state}  {name:width$}  {}", lines(found).replace('\n', &indent))?;
            if let Some(advice) = advice {
                writeln!(f, "{}what to do: {}", &indent[1..], lines(advice).replace('\n', &indent))?;
            }
            if let Some(explanation) = explanation {
                paragraph(f, 9, "why it matters", explanation.why)?;
                if advice.is_some() {
                    paragraph(f, 9, "in more detail", explanation.what_to_do)?;
                }
                writeln!(f)?;
            }
        }
        write!(f, "\n{}", self.sum)
    }
}

/// `11 ok, 1 warning, 1 failed, 2 skipped`
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ok, warning, failed, skipped } = *self;
        let warnings = if warning == 1 { "warning" } else { "warnings" };
        let parts = [(ok, "ok"), (warning, warnings), (failed, "failed"), (skipped, "skipped")];
        let parts = parts.iter().filter(|(count, _)| 0 < *count).map(|(count, name)| format!("{count} {name}"));
        writeln!(f, "{}", parts.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_explained() {
        for name in CHECKS.into_iter().chain(OF_GROUPS) {
            assert!(Explanation::of(name).is_some(), "{name}");
        }
    }
}

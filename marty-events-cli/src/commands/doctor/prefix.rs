//! The check that somebody writes to the topics of the configured prefix.

use std::collections::BTreeSet;

use super::report::Check;

/// Topics that services of any prefix have.
const SHARED: [&str; 2] = [".audit.events", ".notification.events"];
/// A list names so many.
const NAMED: usize = 3;

const ADVICE: &str = "set EVENT_TOPIC_PREFIX here to the services' value";

/// `existing` holds the topics of the brokers, and `waiting` those of the events in the outbox.
pub(super) fn check(prefix: &str, existing: &[String], waiting: &[String]) -> Check {
    let name = "prefix";
    if prefix.is_empty() {
        return Check::ok(name, "topics have no prefix");
    }
    let begin = format!("{prefix}.");
    let of_prefix = |topics: &[String]| topics.iter().filter(|topic| topic.starts_with(&begin)).count();
    if !waiting.is_empty() && of_prefix(waiting) == 0 {
        let found =
            format!("no event in the outbox is for a topic of `{begin}`; they are for {}", list(waiting.iter()));
        return Check::warning(name, found, ADVICE);
    }
    let count = of_prefix(existing);
    if 0 < count || !waiting.is_empty() {
        return Check::ok(name, format!("topics that begin with `{begin}`: {count}"));
    }
    let of_service = |topic: &String| SHARED.iter().find_map(|end| topic.strip_suffix(end)).map(str::to_owned);
    let others: BTreeSet<String> = existing.iter().filter_map(of_service).collect();
    if others.is_empty() {
        return Check::ok(name, format!("no topic begins with `{begin}` yet"));
    }
    let found =
        format!("nobody has written to a topic of `{begin}`; services write with the prefix {}", list(others.iter()));
    Check::warning(name, found, format!("{ADVICE}, unless no service has published an event yet"))
}

/// `a`, `b`, `c` and 2 more
fn list<'a>(topics: impl ExactSizeIterator<Item = &'a String>) -> String {
    let rest = topics.len().saturating_sub(NAMED);
    let first = topics.take(NAMED).map(|topic| format!("`{topic}`")).collect::<Vec<_>>().join(", ");
    if rest == 0 { first } else { format!("{first} and {rest} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::State;

    #[test]
    fn a_prefix_that_nobody_writes_to_is_told() {
        let topics = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let prod =
            topics(&["prod.audit.events", "prod.users.user.created", "test.notification.events", "__consumer_offsets"]);
        for (prefix, existing, waiting, state, found) in [
            ("", &prod, &[][..], State::Ok, "topics have no prefix"),
            ("prod", &prod, &[], State::Ok, "topics that begin with `prod.`: 2"),
            ("pro", &topics(&[]), &[], State::Ok, "no topic begins with `pro.` yet"),
            ("new", &topics(&["new_topic"]), &topics(&["new.users"]), State::Ok, "topics that begin with `new.`: 0"),
            (
                "marty",
                &prod,
                &[],
                State::Warning,
                "nobody has written to a topic of `marty.`; services write with the prefix `prod`, `test`",
            ),
            (
                "prod",
                &prod,
                &topics(&["a.1", "a.2", "a.3", "a.4", "b"]),
                State::Warning,
                "no event in the outbox is for a topic of `prod.`; they are for `a.1`, `a.2`, `a.3` and 2 more",
            ),
        ] {
            let check = check(prefix, existing, waiting);
            assert_eq!((check.state, check.found.as_str()), (state, found));
        }
    }
}

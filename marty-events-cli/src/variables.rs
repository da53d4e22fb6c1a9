//! Variables of the environment that look like a misspelt one of the framework.

use std::{collections::BTreeSet, env, ops::RangeInclusive};

/// The variables of `marty_events::EventConfig` that begin with `KAFKA_` or belong to events.
const KNOWN: [&str; 17] = [
    "ENABLE_EVENT_METRICS",
    "ENABLE_EVENT_TRACING",
    "EVENT_ALLOW_DUAL_WRITE",
    "EVENT_DOMAIN_TOPIC",
    "EVENT_OUTBOX_NAME",
    "EVENT_OUTBOX_TABLE",
    "EVENT_SCHEMA_BASE_URL",
    "EVENT_SHUTDOWN_TIMEOUT",
    "EVENT_TOPIC_PREFIX",
    "KAFKA_BROKERS",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_PASSWORD",
    "KAFKA_SASL_USERNAME",
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_SSL_CA_LOCATION",
    "MARTY_EVENTS_LISTEN",
    "USE_OUTBOX_PATTERN",
];

/// Names of other programs for the same thing.
const SYNONYMS: [(&str, &str); 10] = [
    ("EVENT_PREFIX", "EVENT_TOPIC_PREFIX"),
    ("EVENT_TABLE", "EVENT_OUTBOX_TABLE"),
    ("KAFKA_BOOTSTRAP", "KAFKA_BROKERS"),
    ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BROKERS"),
    ("KAFKA_BROKER_LIST", "KAFKA_BROKERS"),
    ("KAFKA_PASSWORD", "KAFKA_SASL_PASSWORD"),
    ("KAFKA_SASL_USER", "KAFKA_SASL_USERNAME"),
    ("KAFKA_SSL_CA", "KAFKA_SSL_CA_LOCATION"),
    ("KAFKA_USER", "KAFKA_SASL_USERNAME"),
    ("KAFKA_USERNAME", "KAFKA_SASL_USERNAME"),
];

/// Two letters more, less or other make a slip; a third one makes another name.
const SLIPS: RangeInclusive<usize> = 1..=2;

/// A variable that is set, and the one that was probably meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misspelt {
    pub(crate) name: String,
    pub(crate) meant: &'static str,
}

/// The misspelt variables of this process.
pub(crate) fn misspelt() -> Vec<Misspelt> {
    among(&env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect())
}

impl Misspelt {
    /// `KAFKA_BROKER is not read: did you mean KAFKA_BROKERS?`
    pub(crate) fn in_words(&self) -> String {
        format!("{} is not read: did you mean {}?", self.name, self.meant)
    }
}

fn among(names: &BTreeSet<String>) -> Vec<Misspelt> {
    let is_free = |meant: &str| !names.contains(meant);
    let found = names.iter().filter_map(|name| {
        // A variable beside the right one belongs to another program.
        meant(name).filter(|meant| is_free(meant)).map(|meant| Misspelt { name: name.clone(), meant })
    });
    found.collect()
}

fn meant(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    if KNOWN.contains(&name) || upper.starts_with("KAFKA_PRODUCER_") {
        // The configuration checks the producer's properties itself.
        return None;
    }
    if let Some(known) = KNOWN.into_iter().find(|known| *known == upper) {
        return Some(known);
    }
    if let Some((_, meant)) = SYNONYMS.iter().find(|(synonym, _)| *synonym == upper) {
        return Some(meant);
    }
    let near = KNOWN.into_iter().map(|known| (distance(&upper, known), known)).min()?;
    SLIPS.contains(&near.0).then_some(near.1)
}

/// The number of letters to add, drop, replace or exchange with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    // Most variables of an environment are far away.
    if 2 < from.len().abs_diff(to.len()) {
        return usize::MAX;
    }
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (row, left) in from.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, right) in to.iter().enumerate() {
            let replaced = rows[row][column] + usize::from(left != right);
            let mut least = replaced.min(rows[row][column + 1] + 1).min(next[column] + 1);
            let is_exchange = 0 < row && 0 < column && *left == to[column - 1] && from[row - 1] == *right;
            if is_exchange {
                least = least.min(rows[row - 1][column - 1] + 1);
            }
            next.push(least);
        }
        rows.push(next);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<(String, &'static str)> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        among(&names).into_iter().map(|found| (found.name, found.meant)).collect()
    }

    #[test]
    fn slips_are_understood() {
        for (name, meant) in [
            ("KAFKA_BROKER", "KAFKA_BROKERS"),
            ("KAKFA_BROKERS", "KAFKA_BROKERS"),
            ("kafka_brokers", "KAFKA_BROKERS"),
            ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BROKERS"),
            ("KAFKA_SASL_MECHANISMS", "KAFKA_SASL_MECHANISM"),
            ("KAFKA_SASL_USER", "KAFKA_SASL_USERNAME"),
            ("EVENTS_TOPIC_PREFIX", "EVENT_TOPIC_PREFIX"),
            ("EVENT_TOPIC_PERFIX", "EVENT_TOPIC_PREFIX"),
            ("EVENT_OUTBOX_TABEL", "EVENT_OUTBOX_TABLE"),
            ("ENABLE_EVENTS_METRICS", "ENABLE_EVENT_METRICS"),
        ] {
            assert_eq!(found(&[name, "PATH"]), [(name.to_owned(), meant)]);
        }
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let others = [
            "PATH",
            "KAFKA_HEAP_OPTS",
            "KAFKA_PORT",
            "KAFKA_SERVICE_HOST",
            "KAFKA_PORT_9092_TCP_ADDR",
            "KAFKA_BROKERS_SERVICE_HOST",
            "KAFKA_PRODUCER_LINGER_MS",
            "EVENT_BUS_URL",
            "SERVICE_NAME",
            "DATABASE_URL",
            "KAFKA_BROKERS",
            "EVENT_OUTBOX_NAME",
            "É",
        ];
        assert_eq!(found(&others), []);
        assert_eq!(found(&["KAFKA_BROKERS", "KAFKA_BOOTSTRAP_SERVERS"]), [], "the right one is set too");
    }
}

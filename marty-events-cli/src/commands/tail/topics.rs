use regex::{Regex, RegexSet};

use crate::{
    exit::Exit,
    failure::{Failure, Result},
};

/// The topics to follow.
#[derive(Debug)]
pub(super) struct Topics {
    names: Vec<String>,
    patterns: RegexSet,
}

impl Topics {
    /// Parses names, and regular expressions that begin with `^` as in Kafka's own subscriptions. Without any, all topics of
    /// `prefix` are followed.
    pub(super) fn parse(texts: &[String], prefix: &str) -> Result<Self> {
        let (patterns, names): (Vec<String>, Vec<String>) =
            texts.iter().cloned().partition(|text| text.starts_with('^'));
        let by_prefix = match prefix {
            // The brokers' own topics begin with `_`.
            "" => "^[^_]".to_owned(),
            prefix => format!(r"^{}\.", regex::escape(prefix)),
        };
        let patterns = if texts.is_empty() { vec![by_prefix] } else { patterns };
        for pattern in &patterns {
            Regex::new(pattern).map_err(|error| {
                Failure::new(Exit::Usage, format!("`{pattern}` is not a regular expression")).because(&error)
            })?;
        }
        let patterns = RegexSet::new(&patterns).map_err(|error| {
            Failure::new(Exit::Usage, "the regular expressions are too large together").because(&error)
        })?;
        Ok(Self { names, patterns })
    }

    pub(super) fn contain(&self, topic: &str) -> bool {
        self.names.iter().any(|name| name == topic) || self.patterns.is_match(topic)
    }

    /// The names that are not among `existing`.
    pub(super) fn missing<'a>(&'a self, existing: &[&str]) -> Vec<&'a str> {
        self.names.iter().map(String::as_str).filter(|name| !existing.contains(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Topics;

    fn topics(texts: &[&str], prefix: &str) -> Topics {
        Topics::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), prefix).unwrap()
    }

    #[test]
    fn names_and_patterns_choose_topics() {
        let named = topics(&["marty.audit.events", r"^marty\.users\."], "marty");
        assert!(named.contain("marty.audit.events") && named.contain("marty.users.user.created"));
        assert!(!named.contain("marty.audit.events.2") && !named.contain("other.marty.users.x"));
        assert_eq!(named.missing(&["a"]), ["marty.audit.events"]);
        let all = topics(&[], "marty.x");
        assert!(all.contain("marty.x.audit.events") && !all.contain("martyyx.audit") && !all.contain("marty.xy.audit"));
        assert!(topics(&[], "").contain("audit.events") && !topics(&[], "").contain("__consumer_offsets"));
        assert!(Topics::parse(&["^(".to_owned()], "").is_err());
    }
}

//! Names of topics. Kafka's rule (`org.apache.kafka.common.internals.Topic`): 1 to 249 of `a-zA-Z0-9._-`, and neither
//! `.` nor `..`.

use crate::EventError;

const LONGEST: usize = 249;

/// The pattern of the domain topics, after the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicPattern(String);

const PLACEHOLDERS: [&str; 3] = ["{service}", "{aggregate}", "{event_type}"];

impl Default for TopicPattern {
    fn default() -> Self {
        Self("{service}.{aggregate}.{event_type}".to_owned())
    }
}

impl TopicPattern {
    /// The reason why `pattern` cannot be one, in words that say what is accepted.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let mut literal = pattern.to_owned();
        for placeholder in PLACEHOLDERS {
            literal = literal.replace(placeholder, "");
        }
        if literal.contains(['{', '}']) {
            return Err(format!("the placeholders are {}", PLACEHOLDERS.join(", ")));
        }
        if !pattern.contains("{aggregate}") {
            return Err("it must contain {aggregate}, or the events of all aggregates would share one topic".to_owned());
        }
        if let Some(refused) = literal.chars().find(|&letter| !is_letter(letter)) {
            return Err(format!("`{refused}` is none of the letters of a Kafka topic (a-z A-Z 0-9 . _ -)"));
        }
        Ok(Self(pattern.to_owned()))
    }

    pub(crate) fn domain(
        &self,
        prefix: &str,
        service: &str,
        aggregate: &str,
        event_type: &str,
    ) -> Result<String, EventError> {
        for (what, value) in [("aggregate type", aggregate), ("event type", event_type)] {
            if value.is_empty() {
                return Err(EventError::InvalidEvent {
                    event_type: event_type.to_owned(),
                    problem: format!("its {what} is empty"),
                });
            }
        }
        let name =
            self.0.replace("{service}", service).replace("{aggregate}", aggregate).replace("{event_type}", event_type);
        prefixed(prefix, &name).map(|topic| topic.to_lowercase())
    }
}

/// `{prefix}.{name}`; an empty prefix drops the segment.
pub(crate) fn prefixed(prefix: &str, name: &str) -> Result<String, EventError> {
    let topic = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    match fault(&topic) {
        None => Ok(topic),
        Some(problem) => Err(EventError::InvalidTopic { topic, problem }),
    }
}

/// What keeps `topic` from being a topic's name, if anything does.
pub(crate) fn fault(topic: &str) -> Option<String> {
    if topic.is_empty() {
        return Some("it is empty".to_owned());
    }
    if topic == "." || topic == ".." {
        return Some("`.` and `..` are reserved".to_owned());
    }
    if topic.len() > LONGEST {
        return Some(format!("it has {} characters; {LONGEST} are allowed", topic.len()));
    }
    let refused = topic.chars().find(|&letter| !is_letter(letter))?;
    Some(format!("`{refused}` is none of its letters (a-z A-Z 0-9 . _ -)"))
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-')
}

//! Names of topics. Kafka's rule (`org.apache.kafka.common.internals.Topic`): 1 to 249 of `a-zA-Z0-9._-`, and neither
//! `.` nor `..`.

use crate::EventError;

const LONGEST: usize = 249;

/// The topic of audit events, after the prefix.
pub(crate) const AUDIT: &str = "audit.events";
/// The topic of notification events, after the prefix.
pub(crate) const NOTIFICATION: &str = "notification.events";

/// The pattern of the domain topics, after the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicPattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Service,
    Aggregate,
    EventType,
}

const PLACEHOLDERS: [(&str, Piece); 3] =
    [("{service}", Piece::Service), ("{aggregate}", Piece::Aggregate), ("{event_type}", Piece::EventType)];

impl Default for TopicPattern {
    fn default() -> Self {
        Self(pieces("{service}.{aggregate}.{event_type}"))
    }
}

impl TopicPattern {
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
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Literal(text) => text,
            Piece::Service => service,
            Piece::Aggregate => aggregate,
            Piece::EventType => event_type,
        });
        let mut topic = joined(prefix, pieces)?;
        // A topic's letters are ASCII.
        topic.make_ascii_lowercase();
        not_of_another_kind(prefix, topic)
    }
}

impl std::str::FromStr for TopicPattern {
    /// The error says why the pattern is refused, and which patterns are accepted.
    type Err = String;

    fn from_str(pattern: &str) -> Result<Self, String> {
        let pieces = pieces(pattern);
        let mut literals = pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text),
            _ => None,
        });
        if literals.clone().any(|text| text.contains(['{', '}'])) {
            let names: Vec<&str> = PLACEHOLDERS.iter().map(|(name, _)| *name).collect();
            return Err(format!("the placeholders are {}", names.join(", ")));
        }
        if !pieces.contains(&Piece::Aggregate) {
            return Err("it must contain {aggregate}, or the events of all aggregates would share one topic".to_owned());
        }
        if let Some(refused) = literals.find_map(|text| text.chars().find(|&letter| !is_letter(letter))) {
            return Err(format!("`{refused}` is not one of the letters of a Kafka topic (a-z A-Z 0-9 . _ -)"));
        }
        if has_gap(pattern) {
            return Err(GAP.to_owned());
        }
        Ok(Self(pieces))
    }
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while !rest.is_empty() {
        let next = PLACEHOLDERS
            .into_iter()
            .filter_map(|(name, piece)| rest.find(name).map(|at| (at, name.len(), piece)))
            .min_by_key(|(at, ..)| *at);
        let (literal, after) = match next {
            Some((at, length, piece)) => (&rest[..at], Some((piece, &rest[at + length..]))),
            None => (rest, None),
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        let Some((piece, after)) = after else { break };
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// `{prefix}.{name}`; an empty prefix drops the segment.
pub(crate) fn prefixed(prefix: &str, name: &str) -> Result<String, EventError> {
    joined(prefix, [name])
}

/// `{prefix}.{name}` for an event of no kind that has a topic of its own.
pub(crate) fn custom(prefix: &str, name: &str) -> Result<String, EventError> {
    not_of_another_kind(prefix, prefixed(prefix, name)?)
}

/// Audit events are evidence, so no other kind of event may reach their topic by its name.
fn not_of_another_kind(prefix: &str, topic: String) -> Result<String, EventError> {
    let name = topic.strip_prefix(prefix).unwrap_or(&topic);
    let kind = match name.strip_prefix('.').unwrap_or(name) {
        AUDIT => "audit",
        NOTIFICATION => "notification",
        _ => return Ok(topic),
    };
    let problem = format!("it is that of the {kind} events, which no other kind of event may stand among");
    Err(EventError::InvalidTopic { topic, problem })
}

fn joined<'a>(prefix: &'a str, name: impl IntoIterator<Item = &'a str>) -> Result<String, EventError> {
    let mut topic = String::with_capacity(64);
    if !prefix.is_empty() {
        topic.push_str(prefix);
        topic.push('.');
    }
    topic.extend(name);
    match fault(&topic) {
        None => Ok(topic),
        Some(problem) => Err(EventError::InvalidTopic { topic, problem }),
    }
}

/// Why `part`, which stands between dots in a topic's name, does not suit there, if it does not.
pub(crate) fn fault_of_part(part: &str) -> Option<String> {
    fault(part).or_else(|| has_gap(part).then(|| GAP.to_owned()))
}

const GAP: &str = "there is nothing before, between or after its dots";

fn has_gap(part: &str) -> bool {
    part.split('.').any(str::is_empty)
}

/// The reason why `topic` cannot be a topic's name, if there is one.
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
    // Without an end before the last one: this is done for each event, and almost every topic has its letters alone.
    if topic.bytes().fold(true, |are_letters, byte| are_letters & LETTERS[usize::from(byte)]) {
        return None;
    }
    let refused = topic.chars().find(|&letter| !is_letter(letter))?;
    Some(format!("`{refused}` is not one of its letters (a-z A-Z 0-9 . _ -)"))
}

fn is_letter(letter: char) -> bool {
    u8::try_from(letter).is_ok_and(|byte| LETTERS[usize::from(byte)])
}

/// The bytes that are letters of a topic.
const LETTERS: [bool; 256] = {
    let mut letters = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        letters[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        byte += 1;
    }
    letters
};

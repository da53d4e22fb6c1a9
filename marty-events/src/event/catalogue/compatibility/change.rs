use std::fmt;

/// The effect of a change on a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The reader goes on reading.
    Reads,
    /// The reader sees a version that it does not know, and refuses the event instead of misreading it. Update it first.
    Told,
    /// The reader fails, waits for nothing, or reads something else than was meant.
    Breaks,
}

impl Verdict {
    /// The word in tables and texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Told => "told",
            Self::Breaks => "breaks",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A difference between two catalogues.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The topic and type of the event.
    pub event: String,
    /// The path of the field in the data; empty for the event itself.
    pub path: String,
    /// The kind of change, as in the table of the documentation.
    pub kind: &'static str,
    /// Readers built from the old catalogue, which read new events.
    pub old_readers: Verdict,
    /// Readers built from the new catalogue, which read old events.
    pub new_readers: Verdict,
}

impl Change {
    /// True if a reader breaks.
    #[must_use]
    pub fn is_breaking(&self) -> bool {
        self.old_readers.max(self.new_readers) == Verdict::Breaks
    }

    /// The way to make the change without harm.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.kind {
            "event removed" => "publish it until every reader has left it",
            "topic changed" => "publish to both topics until every reader has moved",
            "kind changed" => "publish the event under a new type",
            "key changed" | "ordering weakened" => "keep it; the order that readers rely on would be lost",
            "version lowered" => "versions only rise",
            "version raised without from" => "add `from = Old`, so that new readers convert old events",
            "version raised with from" => "update the readers before the publisher",
            "required field added" => "give it a default (`#[serde(default)]`), or raise `event_version` with `from`",
            "required field removed" | "field made optional" => {
                "keep the field, or raise `event_version` with `from` and update the readers first"
            }
            _ if self.is_breaking() => "add a field beside this one, or raise `event_version` with `from`",
            _ => "nothing to do",
        }
    }
}

/// `users.created: field `email`: required field removed; old readers break ..; keep the field ..`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.event)?;
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        write!(
            f,
            "{}; today's readers of new events: {}; new readers of old events: {}; {}",
            self.kind,
            self.old_readers,
            self.new_readers,
            self.advice()
        )
    }
}

use std::fmt;

/// The name of the outbox table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxTable {
    schema: Option<String>,
    name: String,
}

impl OutboxTable {
    /// Stub.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text.split_once('.') { Some((s, n)) => Self { schema: Some(s.into()), name: n.into() }, None => Self { schema: None, name: text.into() } })
    }
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Default for OutboxTable {
    fn default() -> Self {
        Self { schema: None, name: "event_outbox".to_owned() }
    }
}

impl fmt::Display for OutboxTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

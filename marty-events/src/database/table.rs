use std::{fmt, str::FromStr};

/// The name of the outbox table, `event_outbox` unless configured; may be schema-qualified.
///
/// The other tables are named after it: `{table}_dead_letters`, `{table}_published`, `{table}_lanes`, `{table}_relays`,
/// `{table}_migrations`.
///
/// A text `table` or `schema.table` is read as one, where each name is a letter or `_`, then letters, digits and `_`:
///
/// ```
/// use marty_events::outbox::{InvalidTable, OutboxTable};
///
/// let table: OutboxTable = "ledger.events".parse()?;
/// # Ok::<_, InvalidTable>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxTable {
    schema: Option<String>,
    name: String,
}

/// PostgreSQL cuts identifiers at 63 bytes ("SQL Syntax", 4.1.1); the longest suffix has 13.
const LONGEST_NAME: usize = 48;
const LONGEST_SCHEMA: usize = 63;

/// The reason why a text is not a table name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a table name: {problem}")]
pub struct InvalidTable {
    text: String,
    problem: String,
}

impl OutboxTable {
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A name that this library gives, without a schema.
    pub(crate) fn named(name: &str) -> Self {
        Self { schema: None, name: name.to_owned() }
    }
}

fn check(identifier: &str, longest: usize) -> Result<(), String> {
    let is_start = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    if !identifier.starts_with(is_start) {
        return Err("a name begins with a letter or `_`".to_owned());
    }
    if let Some(refused) = identifier.chars().find(|&letter| !is_start(letter) && !letter.is_ascii_digit()) {
        return Err(format!("`{refused}` is not a letter, digit or `_`"));
    }
    if longest < identifier.len() {
        return Err(format!("{} letters are too many; {longest} are allowed", identifier.len()));
    }
    Ok(())
}

impl FromStr for OutboxTable {
    type Err = InvalidTable;

    fn from_str(text: &str) -> Result<Self, InvalidTable> {
        let invalid = |problem: String| InvalidTable { text: text.to_owned(), problem };
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        if let Some(schema) = schema {
            check(schema, LONGEST_SCHEMA).map_err(invalid)?;
        }
        check(name, LONGEST_NAME).map_err(invalid)?;
        Ok(Self { schema: schema.map(str::to_owned), name: name.to_owned() })
    }
}

/// Reads a table's name as `FromStr` does.
macro_rules! table_from {
    ($($text:ty),+ => $table:ty) => {$(
        impl TryFrom<$text> for $table {
            type Error = InvalidTable;

            fn try_from(text: $text) -> Result<Self, InvalidTable> {
                text.parse()
            }
        })+
    };
}
#[cfg(feature = "consumer")]
pub(crate) use table_from;

table_from!(&str, String => OutboxTable);

impl Default for OutboxTable {
    fn default() -> Self {
        Self::named("event_outbox")
    }
}

impl fmt::Display for OutboxTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

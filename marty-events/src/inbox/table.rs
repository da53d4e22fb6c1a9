use std::{fmt, str::FromStr, sync::Arc};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::database::{InvalidTable, OutboxTable, Quotes, table_from};

/// The name of the inbox table, `event_inbox` unless configured; may be schema-qualified.
///
/// The other tables are named after it: `{table}_parked` and `{table}_migrations`. A text is read as that of an
/// [`OutboxTable`](crate::outbox::OutboxTable) is.
///
/// ```
/// use marty_events::inbox::InboxTable;
///
/// let table: InboxTable = "ledger.inbox".parse()?;
/// # Ok::<_, marty_events::outbox::InvalidTable>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxTable(OutboxTable);

impl InboxTable {
    pub(super) fn name(&self) -> &OutboxTable {
        &self.0
    }
}

/// Writes the configured names into a statement: `{inbox}` and `{parked}` are the tables, `{taken_index}`, `{order_index}` and
/// `{due_index}` their indexes.
pub(super) fn statement(quotes: Quotes, template: &str, table: &OutboxTable) -> SqlStr {
    let unqualified = |suffix: &str| quotes.name(&format!("{}{suffix}", table.name()));
    let text = template
        .replace("{inbox}", &quotes.quoted(table, ""))
        .replace("{parked}", &quotes.quoted(table, "_parked"))
        .replace("{taken_index}", &unqualified("_taken_at"))
        .replace("{order_index}", &unqualified("_parked_order"))
        .replace("{due_index}", &unqualified("_parked_due"));
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

impl FromStr for InboxTable {
    type Err = InvalidTable;

    fn from_str(text: &str) -> Result<Self, InvalidTable> {
        text.parse().map(Self)
    }
}

table_from!(&str, String => InboxTable);

impl Default for InboxTable {
    fn default() -> Self {
        Self(OutboxTable::named("event_inbox"))
    }
}

impl fmt::Display for InboxTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! The questions of operators: one text for every database.

use sqlx::SqlStr;

use super::{
    Inbox, InboxDatabase, InboxTable,
    letter::{GroupColumns, KeyColumns, LetterColumns},
    table::statement,
};
use crate::{
    EventError,
    database::{OutboxPool, Quotes},
};

/// A parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Number(i64),
    /// A text of people.
    Text(&'a str),
    /// A group, a topic or an id.
    Name(&'a str),
}

/// A question to a database, and its name for errors.
///
/// A statement names each parameter once and in their order, since MySQL's have no numbers. The databases write the rest in its place:
///
/// | in a statement | means |
/// |---|---|
/// | `{1}` | the first parameter |
/// | `{text:x}`, `{time:x}`, `{age:x}` | a name as text, a time in microseconds since 1970, and its age in milliseconds |
/// | `{bytes}` | the size of the record's value |
/// | `{place}` | the topic and the key |
/// | `{reason}` | the reason, compared letter by letter |
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) pool: &'a OutboxPool,
    pub(super) table: &'a InboxTable,
    pub(super) operation: &'static str,
}

/// The texts of one database.
struct Dialect {
    quotes: Quotes,
    parameter: fn(&str) -> String,
    text: fn(&str) -> String,
    time: fn(&str) -> String,
    age: fn(&str) -> String,
    words: &'static [(&'static str, &'static str)],
}

#[cfg(feature = "postgres")]
const POSTGRES: Dialect = Dialect {
    quotes: Quotes::Double,
    parameter: |number| format!("${number}"),
    text: str::to_owned,
    time: |column| format!("(extract(epoch FROM {column}) * 1000000)::bigint"),
    age: |column| format!("(extract(epoch FROM statement_timestamp() - {column}) * 1000)::bigint"),
    words: &[
        ("{bytes}", "coalesce(octet_length(value), 0)::bigint"),
        ("{place}", "(topic, ordering_key)"),
        ("{reason}", "reason"),
        ("{lock}", "FOR UPDATE"),
        ("{now}", "clock_timestamp()"),
    ],
};

#[cfg(feature = "mysql")]
const MYSQL: Dialect = Dialect {
    quotes: Quotes::Backticks,
    parameter: |_| "?".to_owned(),
    text: |column| format!("CONVERT({column} USING utf8mb4)"),
    time: str::to_owned,
    age: |column| format!("(timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6)) - {column}) DIV 1000"),
    words: &[
        ("{bytes}", "coalesce(octet_length(value), 0)"),
        ("{place}", "concat(topic, X'00', ordering_key)"),
        ("{reason}", "CAST(reason AS BINARY)"),
        ("{lock}", "FOR UPDATE"),
        ("{now}", "timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))"),
    ],
};

#[cfg(feature = "sqlite")]
const SQLITE: Dialect = Dialect {
    quotes: Quotes::Double,
    parameter: |number| format!("?{number}"),
    text: str::to_owned,
    time: str::to_owned,
    age: |column| format!("(CAST(unixepoch('subsec') * 1000000 AS INTEGER) - {column}) / 1000"),
    words: &[
        ("{bytes}", "coalesce(length(value), 0)"),
        ("{place}", "topic || ' ' || hex(ordering_key)"),
        ("{reason}", "reason"),
        ("{lock}", ""),
        ("{now}", "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"),
    ],
};

impl Dialect {
    fn statement(&self, template: &str, table: &InboxTable) -> SqlStr {
        let template = self.words.iter().fold(template.to_owned(), |text, (word, sql)| text.replace(word, sql));
        let (mut sql, mut rest) = (String::with_capacity(template.len()), &*template);
        while let Some((before, inside, after)) = next_brace(rest) {
            sql.push_str(before);
            match inside.split_once(':') {
                Some(("text", column)) => sql.push_str(&(self.text)(column)),
                Some(("time", column)) => sql.push_str(&(self.time)(column)),
                Some(("age", column)) => sql.push_str(&(self.age)(column)),
                None if inside.starts_with(|letter: char| letter.is_ascii_digit()) => {
                    sql.push_str(&(self.parameter)(inside));
                }
                _ => sql.extend(["{", inside, "}"]),
            }
            rest = after;
        }
        sql.push_str(rest);
        statement(self.quotes, &sql, table.name())
    }
}

fn next_brace(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (inside, after) = rest.split_once('}')?;
    Some((before, inside, after))
}

/// A statement, whatever the database, and its end: the rows or their number.
macro_rules! rows {
    ($look:expr, $template:expr, $values:expr, $fetch:ident::<$($type:ty),+>) => {
        rows!($look, $template, $values, $fetch::<$($type),+>, |query, pool| query.fetch_all(pool).await)
    };
    ($look:expr, $template:expr, $values:expr, $fetch:ident::<$($type:ty),+>, |$query:ident, $pool:ident| $end:expr) => {
        match $look.pool {
            #[cfg(feature = "postgres")]
            OutboxPool::Postgres($pool) => {
                let mut $query = sqlx::$fetch::<$($type),+>(POSTGRES.statement($template, $look.table));
                for value in $values {
                    $query = match *value {
                        Value::Number(number) => $query.bind(number),
                        Value::Text(text) => $query.bind(super::encoding::printable(text)),
                        Value::Name(name) => $query.bind(super::encoding::escaped(name)),
                    };
                }
                $end
            }
            #[cfg(feature = "mysql")]
            OutboxPool::MySql($pool) => {
                let mut $query = sqlx::$fetch::<$($type),+>(MYSQL.statement($template, $look.table));
                for value in $values {
                    $query = match *value {
                        Value::Number(number) => $query.bind(number),
                        Value::Text(text) | Value::Name(text) => $query.bind(text.as_bytes()),
                    };
                }
                $end
            }
            #[cfg(feature = "sqlite")]
            OutboxPool::Sqlite($pool) => {
                let mut $query = sqlx::$fetch::<$($type),+>(SQLITE.statement($template, $look.table));
                for value in $values {
                    $query = match *value {
                        Value::Number(number) => $query.bind(number),
                        Value::Text(text) | Value::Name(text) => $query.bind(text),
                    };
                }
                $end
            }
        }
    };
}

impl Look<'_> {
    pub(super) async fn groups(&self, sql: &str) -> Result<Vec<GroupColumns>, EventError> {
        let mut groups: Vec<GroupColumns> = rows!(self, sql, &[], query_as::<_, _>).map_err(self.error())?;
        for columns in &mut groups {
            self.unescape(&mut columns.0);
        }
        Ok(groups)
    }

    pub(super) async fn keys(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<KeyColumns>, EventError> {
        let mut keys: Vec<KeyColumns> = rows!(self, sql, values, query_as::<_, _>).map_err(self.error())?;
        for columns in &mut keys {
            self.unescape(&mut columns.0);
        }
        Ok(keys)
    }

    pub(super) async fn letters(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<LetterColumns>, EventError> {
        let mut letters: Vec<LetterColumns> = rows!(self, sql, values, query_as::<_, _>).map_err(self.error())?;
        for columns in &mut letters {
            self.unescape(&mut columns.1);
            self.unescape(&mut columns.2);
        }
        Ok(letters)
    }

    pub(super) async fn numbers(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<i64>, EventError> {
        rows!(self, sql, values, query_scalar::<_, _>).map_err(self.error())
    }

    pub(super) async fn change_rows(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, EventError> {
        let done = rows!(self, sql, values, query::<_>, |query, pool| {
            query.execute(pool).await.map(|done| done.rows_affected())
        });
        done.map_err(self.error())
    }

    fn unescape(&self, text: &mut String) {
        match self.pool {
            #[cfg(feature = "postgres")]
            OutboxPool::Postgres(_) => *text = super::encoding::unescaped(std::mem::take(text)),
            #[cfg(any(feature = "mysql", feature = "sqlite"))]
            _ => {
                let _ = text;
            }
        }
    }
}

const LOCK: &str = "SELECT id FROM {parked} WHERE id IN ({ids}) AND state <> 'waiting' ORDER BY id {lock}";

/// The first events that wait behind others of their keys.
const LATER: &str = "
    SELECT min(later.id) FROM {parked} AS later JOIN {parked} AS letter
        ON letter.consumer_group = later.consumer_group AND letter.topic = later.topic
            AND letter.ordering_key = later.ordering_key AND letter.id < later.id
    WHERE letter.id IN ({ids}) AND later.state = 'waiting' GROUP BY letter.id";

const DEMOTE: &str = "UPDATE {parked} SET due_at = NULL WHERE id IN ({ids}) AND state = 'waiting'";

const REVIVE: &str = "
    UPDATE {parked} SET state = 'waiting', attempts = 0, died_at = NULL, due_at = {now} WHERE id IN ({ids}) AND state <> 'waiting'";

/// The first events behind letters that hold their keys.
const NEXT: &str = "
    SELECT min(later.id) FROM {parked} AS later JOIN {parked} AS letter
        ON letter.consumer_group = later.consumer_group AND letter.topic = later.topic
            AND letter.ordering_key = later.ordering_key AND letter.id < later.id
    WHERE letter.id IN ({ids}) AND letter.state = 'held' AND later.state = 'waiting'
    GROUP BY letter.id";

const PROMOTE: &str = "UPDATE {parked} SET due_at = {now} WHERE id IN ({ids}) AND state = 'waiting' AND due_at IS NULL";

const DELETE: &str = "DELETE FROM {parked} WHERE id IN ({ids}) AND state <> 'waiting'";

/// A list of numbers; an empty one is not allowed.
fn with_ids(template: &str, ids: &[i64]) -> String {
    let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    template.replace("{ids}", if list.is_empty() { "NULL" } else { &list })
}

/// Changes of letters in one transaction. The locks come first, so that each statement after them sees the rows as they stay.
///
/// A letter that comes back must not run beside a later event of its key. A handler has the first event of a key that waits, so the requeue
/// takes the time from that event, which waits for the handler. The next event may have got its time meanwhile: then it is looked for again,
/// until the first one is this transaction's own.
macro_rules! change {
    ($look:expr, $dialect:expr, $transaction:expr, $ids:expr, $is_requeued:expr) => {{
        let mut transaction = $transaction;
        let sql = |template: &str, ids: &[i64]| $dialect.statement(&with_ids(template, ids), $look.table);
        let lock = sqlx::query_scalar(sql(LOCK, $ids)).persistent(false);
        let locked: Vec<i64> = lock.fetch_all(&mut *transaction).await?;
        let end = if $is_requeued {
            let mut own: Vec<i64> = Vec::new();
            loop {
                let first = sqlx::query_scalar(sql(LATER, &locked)).persistent(false);
                let first: Vec<i64> = first.fetch_all(&mut *transaction).await?;
                if first.iter().all(|id| own.contains(id)) {
                    break;
                }
                // A handler may have the first one, and its end gives the second one a time. Both are locked in one statement, in their order.
                let second = sqlx::query_scalar(sql(LATER, &first)).persistent(false);
                own = second.fetch_all(&mut *transaction).await?;
                own.extend(first);
                own.sort_unstable();
                own.dedup();
                sqlx::query(sql(DEMOTE, &own)).persistent(false).execute(&mut *transaction).await?;
            }
            REVIVE
        } else {
            let next = sqlx::query_scalar(sql(NEXT, &locked)).persistent(false);
            let next: Vec<i64> = next.fetch_all(&mut *transaction).await?;
            if !next.is_empty() {
                sqlx::query(sql(PROMOTE, &next)).persistent(false).execute(&mut *transaction).await?;
            }
            DELETE
        };
        let done = sqlx::query(sql(end, &locked)).persistent(false).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }};
}

impl Look<'_> {
    pub(super) async fn requeue(&self, ids: &[i64]) -> Result<u64, EventError> {
        self.change(ids, true).await.map_err(self.error())
    }

    pub(super) async fn discard(&self, ids: &[i64]) -> Result<u64, EventError> {
        self.change(ids, false).await.map_err(self.error())
    }

    async fn change(&self, ids: &[i64], is_requeued: bool) -> Result<u64, sqlx::Error> {
        match self.pool {
            #[cfg(feature = "postgres")]
            OutboxPool::Postgres(pool) => {
                change!(self, POSTGRES, pool.begin_with(super::postgres::BEGIN).await?, ids, is_requeued)
            }
            #[cfg(feature = "mysql")]
            OutboxPool::MySql(pool) => {
                change!(self, MYSQL, pool.begin_with(super::mysql::BEGIN).await?, ids, is_requeued)
            }
            #[cfg(feature = "sqlite")]
            OutboxPool::Sqlite(pool) => {
                change!(self, SQLITE, pool.begin_with(super::sqlite::BEGIN).await?, ids, is_requeued)
            }
        }
    }
}

pub(super) async fn validate(pool: &OutboxPool, table: &InboxTable) -> Result<(), EventError> {
    match pool {
        #[cfg(feature = "postgres")]
        OutboxPool::Postgres(pool) => sqlx::Postgres::inbox(pool.clone(), table.clone(), "".into()).validate().await,
        #[cfg(feature = "mysql")]
        OutboxPool::MySql(pool) => sqlx::MySql::inbox(pool.clone(), table.clone(), "".into()).validate().await,
        #[cfg(feature = "sqlite")]
        OutboxPool::Sqlite(pool) => sqlx::Sqlite::inbox(pool.clone(), table.clone(), "".into()).validate().await,
    }
}

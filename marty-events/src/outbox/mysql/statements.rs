use std::fmt::{Display, Write};

use sqlx::SqlStr;

use super::super::{OutboxTable, Quotes, lanes::LANE_OF, text_rows::EVENT};

/// The statements of one outbox that need no list written into them, and the beginnings of those that do.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) validate: SqlStr,
    pub(super) pending: SqlStr,
    pub(super) dead_letters: SqlStr,
    pub(super) dead_letter: SqlStr,
    pub(super) relays: SqlStr,
    pub(super) stats: SqlStr,
    table: OutboxTable,
}

/// Microseconds since 1970, by the database's clock.
const NOW: &str = "timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))";

const COLUMNS: &str =
    "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";

/// The columns that a requeued event keeps.
const REVIVED: &str =
    "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at";

/// The bytes of a row's headers and payload.
const SIZE: &str = "(length(headers) + length(payload))";

impl Statements {
    pub(super) fn new(table: &OutboxTable) -> Self {
        let of = |template: &str| statement(template, table);
        let may =
            |name: &str| format!("INSERT INTO {name} SELECT * FROM {name} WHERE FALSE; DELETE FROM {name} WHERE FALSE");
        let mut validate = vec![
            "SELECT 1 FROM {outbox}, {dead}, {published}, {relays}, {lanes}, {order_locks} LIMIT 0".to_owned(),
            "SELECT mark FROM {lanes} UNION ALL SELECT mark FROM {relays} LIMIT 0".to_owned(),
        ];
        validate.extend(["{outbox}", "{dead}", "{published}", "{relays}"].map(may));
        validate.push("UPDATE {outbox} SET attempts = 0 WHERE FALSE".to_owned());
        validate.push("UPDATE {relays} SET published = 0 WHERE FALSE".to_owned());
        validate.push("UPDATE {lanes} SET term = 0 WHERE FALSE".to_owned());
        validate.push("SELECT bucket FROM {order_locks} WHERE FALSE FOR UPDATE".to_owned());
        Self {
            validate: of(&validate.join("; ")),
            pending: of("SELECT {event} FROM {outbox} ORDER BY seq LIMIT ?"),
            dead_letters: of("
                SELECT {event}, reason, died_at FROM {dead}
                WHERE (seq, event_id) > (?, ?) ORDER BY seq, event_id LIMIT ?"),
            dead_letter: of("SELECT {event}, reason, died_at FROM {dead} WHERE event_id = ?"),
            relays: of("
                SELECT relays.relay, relays.started_at AS started_at,
                    {now} <= relays.expires_at AS is_alive, lanes.lane
                FROM {relays} AS relays
                LEFT JOIN {lanes} AS lanes ON lanes.owner = relays.relay AND {now} <= relays.expires_at
                ORDER BY relays.started_at, relays.relay, lanes.lane"),
            stats: of("
                SELECT (SELECT count(*) FROM {outbox}) AS pending,
                    (SELECT ({now} - min(created_at)) DIV 1000 FROM {outbox}) AS oldest_age,
                    (SELECT count(*) FROM {dead}) AS dead,
                    (SELECT CAST(coalesce(sum(published), 0) AS SIGNED) FROM {lanes})
                        + (SELECT CAST(coalesce(sum(published), 0) AS SIGNED) FROM {relays}) AS published"),
            table: table.clone(),
        }
    }

    pub(super) fn lock_dead(&self, ids: &[uuid::Uuid]) -> SqlStr {
        self.listing("SELECT event_id FROM {dead} WHERE event_id IN ({list}) FOR UPDATE", &quoted(ids))
    }

    pub(super) fn requeue(&self, ids: &[uuid::Uuid]) -> SqlStr {
        let sql = "
            INSERT INTO {outbox} ({revived})
            SELECT {revived} FROM {dead} WHERE event_id IN ({list}) AND 0 < encoding ORDER BY seq";
        self.listing(sql, &quoted(ids))
    }

    pub(super) fn delete_requeued(&self, ids: &[uuid::Uuid]) -> SqlStr {
        self.listing("DELETE FROM {dead} WHERE event_id IN ({list}) AND 0 < encoding", &quoted(ids))
    }

    pub(super) fn discard(&self, ids: &[uuid::Uuid]) -> SqlStr {
        self.listing("DELETE FROM {dead} WHERE event_id IN ({list})", &quoted(ids))
    }

    pub(super) fn redact(&self, ids: &[uuid::Uuid]) -> SqlStr {
        let sql = "UPDATE {dead} SET payload = '', headers = '[]', encoding = 0 WHERE event_id IN ({list})";
        self.listing(sql, &quoted(ids))
    }

    fn listing(&self, template: &str, ids: &str) -> SqlStr {
        statement(&template.replace("{list}", ids), &self.table)
    }
}

pub(super) fn statement(template: &str, table: &OutboxTable) -> SqlStr {
    let text = template
        .replace("{event}", EVENT)
        .replace("{columns}", COLUMNS)
        .replace("{revived}", REVIVED)
        .replace("{size}", SIZE)
        .replace("{now}", NOW)
        .replace("{lane_of}", LANE_OF);
    Quotes::Backticks.statement(&text, table)
}

/// Numbers as a list, which is `NULL` where there are none: an empty one is not allowed.
pub(super) fn numbers<N: Display>(numbers: impl IntoIterator<Item = N>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    if numbers.is_empty() { "NULL".to_owned() } else { numbers.join(", ") }
}

/// Ids as a list: their text has hexadecimal digits and hyphens only.
pub(super) fn quoted<I: Display>(ids: impl IntoIterator<Item = I>) -> String {
    numbers(ids.into_iter().map(|id| format!("'{id}'")))
}

/// Any text, in digits.
pub(super) fn text(text: &str) -> String {
    let mut digits = "_utf8mb4 X'".to_owned();
    for byte in text.bytes() {
        let _ = write!(digits, "{byte:02X}");
    }
    digits + "'"
}

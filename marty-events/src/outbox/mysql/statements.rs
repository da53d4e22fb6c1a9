use sqlx::SqlStr;

use super::{
    super::{OutboxTable, lanes::LANE_OF, sql::Quotes, store::RowId},
    rows::EVENT,
};

/// The statements of one outbox that need no list written into them, and the beginnings of those that do.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) validate: Vec<SqlStr>,
    pub(super) lanes: SqlStr,
    pub(super) register: SqlStr,
    pub(super) crowd: SqlStr,
    pub(super) sweep_relays: SqlStr,
    pub(super) hold: SqlStr,
    pub(super) has_news: SqlStr,
    pub(super) release: SqlStr,
    pub(super) unregister: SqlStr,
    pub(super) release_all: SqlStr,
    pub(super) count_published: SqlStr,
    pub(super) refuse: SqlStr,
    pub(super) bury: SqlStr,
    pub(super) delete_buried: SqlStr,
    pub(super) pending: SqlStr,
    pub(super) dead_letters: SqlStr,
    pub(super) dead_letter: SqlStr,
    pub(super) relays: SqlStr,
    pub(super) cleanup: SqlStr,
    pub(super) forget: SqlStr,
    pub(super) stats: SqlStr,
    table: OutboxTable,
}

/// Microseconds since 1970, by the database's clock.
const NOW: &str = "timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))";

const COLUMNS: &str =
    "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";

/// What a requeued event keeps.
const REVIVED: &str =
    "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at";

/// The bytes of a row's headers and payload.
const SIZE: &str = "(length(headers) + length(payload))";

/// A page behind the cursor, whole where the lane is the relay's own and the row is not too long; and by their numbers alone the late rows, which
/// may have been read already.
const FETCH: &str = "
    (SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash,
        CASE WHEN FIND_IN_SET({lane_of}, ?) AND {size} <= ? THEN headers END AS headers,
        CASE WHEN FIND_IN_SET({lane_of}, ?) AND {size} <= ? THEN payload END AS payload,
        encoding, created_at, attempts, FALSE AS is_late, {size} AS size
    FROM {outbox} WHERE ? < seq ORDER BY seq LIMIT ?)";

const LATE: &str = "
    UNION ALL
    (SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash, NULL, NULL,
        encoding, created_at, attempts, TRUE, {size}
    FROM {outbox} WHERE {gaps})";

impl Statements {
    pub(super) fn new(table: &OutboxTable) -> Self {
        let of = |template: &str| statement(template, table);
        let may = |name: &str| {
            [format!("INSERT INTO {name} SELECT * FROM {name} WHERE FALSE"), format!("DELETE FROM {name} WHERE FALSE")]
                .map(|template| of(&template))
        };
        let mut validate =
            vec![of("SELECT 1 FROM {outbox}, {dead}, {published}, {relays}, {lanes}, {order_locks} LIMIT 0")];
        validate.extend(["{outbox}", "{dead}", "{published}", "{relays}"].into_iter().flat_map(may));
        validate.push(of("UPDATE {outbox} SET attempts = 0 WHERE FALSE"));
        validate.push(of("UPDATE {lanes} SET term = 0 WHERE FALSE"));
        validate.push(of("SELECT bucket FROM {order_locks} WHERE FALSE FOR UPDATE"));
        Self {
            validate,
            lanes: of("
                SELECT lane, term, coalesce(owner = ?, FALSE) AS is_own, owner IS NULL OR expires_at < {now} AS is_free,
                    (expires_at - {now}) DIV 1000 AS lease
                FROM {lanes} FORCE INDEX (PRIMARY) ORDER BY lane FOR UPDATE"),
            register: of("
                INSERT INTO {relays} (relay, expires_at) VALUES (?, {now} + ? * 1000)
                ON DUPLICATE KEY UPDATE expires_at = VALUES(expires_at)"),
            crowd: of("
                SELECT CAST(coalesce(sum({now} <= expires_at), 0) AS SIGNED) AS relays,
                    coalesce(min(expires_at) < {now} - 3600000000, FALSE) AS has_old
                FROM {relays}"),
            sweep_relays: of("DELETE FROM {relays} WHERE expires_at < {now} - 3600000000"),
            // Assignments take effect from left to right.
            hold: of("
                UPDATE {lanes} SET term = term + CASE WHEN owner <=> ? THEN 0 ELSE 1 END, owner = ?, expires_at = {now} + ? * 1000
                WHERE FIND_IN_SET(lane, ?)"),
            has_news: of("SELECT EXISTS (SELECT 1 FROM {outbox} WHERE ? < seq)"),
            release: of("UPDATE {lanes} SET owner = NULL WHERE owner = ? AND FIND_IN_SET(lane, ?)"),
            unregister: of("DELETE FROM {relays} WHERE relay = ?"),
            release_all: of("UPDATE {lanes} SET owner = NULL WHERE owner = ?"),
            count_published: of("UPDATE {lanes} SET published = published + ? WHERE lane = ?"),
            refuse: of("UPDATE {outbox} SET attempts = ?, last_error = ? WHERE seq = ? AND event_id = ?"),
            bury: of("
                INSERT INTO {dead} ({columns}, reason)
                SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
                    created_at, ?, ? FROM {outbox} WHERE seq = ? AND event_id = ?
                ON DUPLICATE KEY UPDATE reason = VALUES(reason), died_at = {now}"),
            // Takes the same parameters as the statement before it.
            delete_buried: of("DELETE FROM {outbox} WHERE ? IS NOT NULL AND ? IS NOT NULL AND seq = ? AND event_id = ?"),
            pending: of("SELECT {event} FROM {outbox} ORDER BY seq LIMIT ?"),
            dead_letters: of("
                SELECT {event}, reason, died_at FROM {dead}
                WHERE (seq, event_id) > (?, ?) ORDER BY seq, event_id LIMIT ?"),
            dead_letter: of("SELECT {event}, reason, died_at FROM {dead} WHERE event_id = ?"),
            relays: of("
                SELECT relays.relay, relays.started_at AS started_at,
                    {now} <= relays.expires_at AS is_alive, lanes.lane
                FROM {relays} AS relays
                LEFT JOIN {lanes} AS lanes ON lanes.owner = relays.relay AND {now} <= lanes.expires_at
                ORDER BY relays.started_at, relays.relay, lanes.lane"),
            cleanup: of("DELETE FROM {dead} WHERE died_at < {now} - ? LIMIT ?"),
            forget: of("DELETE FROM {published} WHERE published_at < {now} - ? ORDER BY published_at LIMIT ?"),
            stats: of("
                SELECT (SELECT count(*) FROM {outbox}) AS pending,
                    (SELECT ({now} - min(created_at)) DIV 1000 FROM {outbox}) AS oldest_age,
                    (SELECT count(*) FROM {dead}) AS dead,
                    (SELECT CAST(coalesce(sum(published), 0) AS SIGNED) FROM {lanes}) AS published"),
            table: table.clone(),
        }
    }

    /// The next rows, and those in gaps.
    pub(super) fn fetch(&self, gaps: &[(i64, i64)]) -> SqlStr {
        if gaps.is_empty() {
            return statement(FETCH, &self.table);
        }
        statement(&format!("{FETCH} {}", LATE.replace("{gaps}", &any_of(gaps))), &self.table)
    }

    /// The numbers that are in gaps.
    pub(super) fn gaps(&self, gaps: &[(i64, i64)]) -> SqlStr {
        statement(&format!("SELECT seq FROM {{outbox}} WHERE {} ORDER BY seq", any_of(gaps)), &self.table)
    }

    pub(super) fn load(&self, seqs: &[i64]) -> SqlStr {
        self.listing("SELECT {event} FROM {outbox} WHERE seq IN ({list}) ORDER BY seq", seqs)
    }

    /// Locks lanes and answers who has them.
    pub(super) fn held(&self, lanes: &[i32]) -> SqlStr {
        self.listing(
            "SELECT lane, term, coalesce(owner = ?, FALSE) AS is_own FROM {lanes} FORCE INDEX (PRIMARY)
                WHERE lane IN ({list}) ORDER BY lane FOR UPDATE",
            lanes,
        )
    }

    pub(super) fn keep_delivered(&self, rows: &[RowId]) -> SqlStr {
        self.delivered("INSERT IGNORE INTO {published} ({columns}) SELECT {columns} FROM {outbox} WHERE", rows)
    }

    pub(super) fn delete_delivered(&self, rows: &[RowId]) -> SqlStr {
        self.delivered("DELETE FROM {outbox} WHERE", rows)
    }

    /// Of the rows with these numbers, those that are these events.
    fn delivered(&self, beginning: &str, rows: &[RowId]) -> SqlStr {
        let ids = quoted(&rows.iter().map(|row| row.event_id).collect::<Vec<_>>()).join(", ");
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        self.listing(&format!("{beginning} seq IN ({{list}}) AND event_id IN ({ids})"), &seqs)
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

    /// Numbers and ids are safe to write into a statement. `NULL` makes a list of none, which is not allowed.
    fn listing(&self, template: &str, items: &[impl ToString]) -> SqlStr {
        let list = if items.is_empty() {
            "NULL".to_owned()
        } else {
            items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        statement(&template.replace("{list}", &list), &self.table)
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

fn any_of(gaps: &[(i64, i64)]) -> String {
    let ranges = gaps.iter().map(|(first, last)| format!("seq BETWEEN {first} AND {last}"));
    ranges.collect::<Vec<_>>().join(" OR ")
}

/// An id's text has hexadecimal digits and hyphens only.
fn quoted(ids: &[uuid::Uuid]) -> Vec<String> {
    ids.iter().map(|id| format!("'{id}'")).collect()
}

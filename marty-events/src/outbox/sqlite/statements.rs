use sqlx::SqlStr;

use super::super::{OutboxTable, Quotes, lanes::LANE_OF, rows::EVENT};

/// The relay's statements of one outbox.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) validate: SqlStr,
    pub(super) register: SqlStr,
    pub(super) clamp: SqlStr,
    pub(super) count_old: SqlStr,
    pub(super) sweep_relays: SqlStr,
    pub(super) crowd: SqlStr,
    pub(super) keep_marks: SqlStr,
    pub(super) clear_mark: SqlStr,
    pub(super) take: SqlStr,
    pub(super) free: SqlStr,
    pub(super) own: SqlStr,
    pub(super) next_expiry: SqlStr,
    pub(super) has_news: SqlStr,
    pub(super) first_between: SqlStr,
    pub(super) release: SqlStr,
    pub(super) release_all: SqlStr,
    pub(super) count_own: SqlStr,
    pub(super) unregister: SqlStr,
    pub(super) held: SqlStr,
    pub(super) fetch: SqlStr,
    pub(super) load: SqlStr,
    pub(super) keep_delivered: SqlStr,
    pub(super) delete_delivered: SqlStr,
    pub(super) settle: SqlStr,
    pub(super) refuse: SqlStr,
    pub(super) bury: SqlStr,
    pub(super) delete_buried: SqlStr,
    pub(super) cleanup: SqlStr,
    pub(super) forget: SqlStr,
    pub(super) stats: SqlStr,
}

/// Microseconds since 1970, by the database's clock.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// The bytes of a row's headers and payload; the headers are ASCII, but for values that are not.
const SIZE: &str = "(length(headers) + length(payload))";

/// The rows with these numbers that are these events.
const DELIVERED: &str = "seq IN (SELECT value FROM json_each(?1)) AND event_id IN (SELECT value FROM json_each(?2))";

/// Lanes without an owner, or with one that has no lease any more.
const FREE: &str = "(owner IS NULL OR owner NOT IN (SELECT relay FROM {relays} WHERE {now} <= expires_at))";

/// Relays that were silent for an hour.
const OLD: &str = "expires_at < {now} - 3600000000";

const COLUMNS: &str =
    "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";

impl Statements {
    #[expect(clippy::too_many_lines, reason = "one statement after the other")]
    pub(super) fn new(table: &OutboxTable) -> Self {
        let of = |template: &str| {
            let text = template
                .replace("{event}", EVENT)
                .replace("{columns}", COLUMNS)
                .replace("{delivered}", DELIVERED)
                .replace("{size}", SIZE)
                .replace("{free}", FREE)
                .replace("{old}", OLD)
                .replace("{now}", NOW)
                .replace("{lane_of}", LANE_OF);
            Quotes::Double.statement(&text, table)
        };
        Self {
            validate: of("
                SELECT 1 FROM {outbox}, {dead}, {published}, {relays} AS relays, {lanes} AS lanes
                WHERE relays.mark = lanes.mark LIMIT 0"),
            register: of("
                INSERT INTO {relays} (relay, expires_at, lease, delivers, mark, published)
                VALUES (?1, {now} + ?2 * 1000, ?2, ?3, ?4, ?5)
                ON CONFLICT (relay) DO UPDATE SET expires_at = excluded.expires_at, lease = excluded.lease,
                    delivers = excluded.delivers, mark = coalesce(excluded.mark, mark),
                    published = max(published, ?6)
                RETURNING published"),
            // A lease that ends later than a heartbeat of now would make it end: the clock went back.
            clamp: of("
                UPDATE {relays} SET expires_at = {now} + lease * 1000
                WHERE relay <> ?1 AND {now} + lease * 1000 < expires_at"),
            count_old: of("
                UPDATE {lanes} SET published = published + (SELECT sum(published) FROM {relays} WHERE {old})
                WHERE lane = 1 AND EXISTS (SELECT 1 FROM {relays} WHERE {old})"),
            sweep_relays: of("DELETE FROM {relays} WHERE {old}"),
            crowd: of("SELECT count(*) FROM {relays} WHERE {now} <= expires_at AND delivers"),
            // The relay's mark holds for the lanes that it has, and not for those that it is about to take.
            keep_marks: of("
                UPDATE {lanes} SET mark = coalesce((SELECT mark FROM {relays} WHERE relay = ?1), mark) WHERE owner = ?1"),
            clear_mark: of("UPDATE {relays} SET mark = NULL WHERE relay = ?1"),
            take: of("
                UPDATE {lanes} SET mark = coalesce((SELECT mark FROM {relays} WHERE relay = owner), mark),
                    owner = ?1, term = term + 1
                WHERE lane IN (SELECT lane FROM {lanes} WHERE {free} ORDER BY lane LIMIT ?2)"),
            free: of("SELECT count(*) FROM {lanes} WHERE {free}"),
            own: of("
                SELECT lane, term, coalesce((SELECT mark FROM {relays} WHERE relay = ?1), mark) AS mark
                FROM {lanes} WHERE owner = ?1 ORDER BY lane"),
            next_expiry: of("
                SELECT (min(expires_at) - {now}) / 1000 FROM {relays}
                WHERE relay <> ?1 AND {now} <= expires_at AND relay IN (SELECT owner FROM {lanes})"),
            has_news: of("SELECT EXISTS (SELECT 1 FROM {outbox} WHERE ?1 < seq)"),
            first_between: of("SELECT min(seq) FROM {outbox} WHERE ?1 < seq AND seq <= ?2"),
            release: of("
                UPDATE {lanes} SET owner = NULL,
                    mark = coalesce(?3, (SELECT mark FROM {relays} WHERE relay = ?1), mark)
                WHERE owner = ?1 AND (lane, term) IN
                    (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2))"),
            release_all: of("
                UPDATE {lanes} SET owner = NULL, mark = coalesce((SELECT mark FROM {relays} WHERE relay = ?1), mark)
                WHERE owner = ?1"),
            count_own: of("
                UPDATE {lanes} SET published = published + (SELECT published FROM {relays} WHERE relay = ?1)
                WHERE lane = 1 AND EXISTS (SELECT 1 FROM {relays} WHERE relay = ?1)"),
            unregister: of("DELETE FROM {relays} WHERE relay = ?1"),
            held: of("
                SELECT count(*) FROM {lanes}
                WHERE owner = ?1 AND (lane, term) IN
                    (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2))"),
            fetch: of("
                SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash,
                    CASE WHEN {size} <= ?4 THEN headers END AS headers,
                    CASE WHEN {size} <= ?4 THEN payload END AS payload,
                    encoding, created_at, attempts, {size} AS size
                FROM {outbox}
                WHERE ?1 < seq AND seq <= ?5 AND {lane_of} IN (SELECT value FROM json_each(?2))
                ORDER BY seq LIMIT ?3"),
            load: of("SELECT {event} FROM {outbox} WHERE seq IN (SELECT value FROM json_each(?1)) ORDER BY seq"),
            keep_delivered: of("
                INSERT OR IGNORE INTO {published} ({columns})
                SELECT {columns} FROM {outbox} WHERE {delivered}"),
            delete_delivered: of("DELETE FROM {outbox} WHERE {delivered}"),
            // In one statement, which is a transaction by itself and holds the write lock for the shortest time.
            settle: of("
                DELETE FROM {outbox} WHERE {delivered}
                AND json_array_length(?4) = (
                    SELECT count(*) FROM {lanes} WHERE owner = ?3 AND (lane, term) IN
                        (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?4)))"),
            refuse: of("UPDATE {outbox} SET attempts = ?3, last_error = ?4 WHERE seq = ?1 AND event_id = ?2"),
            bury: of("
                INSERT INTO {dead} (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                    payload, encoding, created_at, attempts, reason)
                SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                    payload, encoding, created_at, ?3, ?4 FROM {outbox} WHERE seq = ?1 AND event_id = ?2
                ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason, died_at = {now}"),
            // Takes the same parameters as the statement before it.
            delete_buried: of("DELETE FROM {outbox} WHERE seq = ?1 AND event_id = ?2 AND ?3 IS NOT NULL AND ?4 IS NOT NULL"),
            cleanup: of("
                DELETE FROM {dead} WHERE event_id IN
                    (SELECT event_id FROM {dead} WHERE died_at < {now} - ?1 * 1000 LIMIT ?2)"),
            forget: of("
                DELETE FROM {published} WHERE seq IN
                    (SELECT seq FROM {published} WHERE published_at < {now} - ?1 * 1000 ORDER BY published_at LIMIT ?2)"),
            stats: of("
                SELECT (SELECT count(*) FROM {outbox}) AS pending,
                    (SELECT ({now} - min(created_at)) / 1000 FROM {outbox}) AS oldest_age,
                    (SELECT count(*) FROM {dead}) AS dead,
                    (SELECT coalesce(sum(published), 0) FROM {lanes})
                        + (SELECT coalesce(sum(published), 0) FROM {relays}) AS published"),
        }
    }
}

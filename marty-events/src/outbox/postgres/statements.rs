use sqlx::SqlStr;

use super::{
    super::{OutboxTable, sql::Quotes},
    listen,
    rows::{DIED_AT, EVENT, NO_RECORD, RECORD},
};

/// The statements of one outbox. The database's clock decides about leases.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) columns: SqlStr,
    pub(super) stand: SqlStr,
    pub(super) release: SqlStr,
    pub(super) leave: SqlStr,
    pub(super) fetch: SqlStr,
    pub(super) load: SqlStr,
    pub(super) settle: SqlStr,
    pub(super) settle_and_keep: SqlStr,
    pub(super) refuse: SqlStr,
    pub(super) bury: SqlStr,
    pub(super) pending: SqlStr,
    pub(super) dead_letters: SqlStr,
    pub(super) dead_letter: SqlStr,
    pub(super) relays: SqlStr,
    pub(super) requeue: SqlStr,
    pub(super) discard: SqlStr,
    pub(super) cleanup: SqlStr,
    pub(super) forget: SqlStr,
    pub(super) redact: SqlStr,
    pub(super) stats: SqlStr,
}

/// Of the transactions that the position waits for (`$3`, each with a bound that its numbers are above, `$4`), those that
/// are over.
const ENDED: &str = "
    ended AS (
        SELECT coalesce(array_agg(xid), '{}') AS xids, min(floor) AS floor
        FROM (SELECT xid::xid8 AS xid, floor FROM unnest($3::text[], $4::bigint[]) AS late (xid, floor)) AS late
        WHERE pg_visible_in_snapshot(xid, pg_current_snapshot())
    )";

/// Rows up to the cursor (`$5`) that were not there at the last read: of those transactions, and above `$6` of those that
/// the last snapshot knew nothing of (`$7` on). Both bounds are values, so that the index is entered between them: below are
/// the dead rows of everything that was ever delivered while some transaction holds the vacuum's horizon back.
const IS_LATE: &str = "
    (SELECT least(floor, $6) FROM ended) < seq AND seq <= $5
        AND (xid = ANY((SELECT xids FROM ended)::xid8[]) OR $6 < seq AND $7::text::xid8 <= xid)";

/// Renews, counts the relays, and takes what is free: a share each, rounded up. Whether there is news is asked in the order of
/// the index: a mere `EXISTS` may be answered by a walk over every dead row.
const STAND: &str = "
    WITH {ended}, crowd AS (
        SELECT count(*) FILTER (WHERE relay <> $1) + 1 AS relays FROM {relays} WHERE clock_timestamp() <= expires_at
    ), share AS (
        SELECT (16 + relays - 1) / relays AS lanes FROM crowd
    ), gone AS (
        DELETE FROM {relays} WHERE relay <> $1 AND expires_at < clock_timestamp() - interval '1 hour'
    ), here AS (
        INSERT INTO {relays} (relay, expires_at)
        VALUES ($1, clock_timestamp() + $2 * interval '1 millisecond')
        ON CONFLICT (relay) DO UPDATE SET expires_at = excluded.expires_at
    ), renewed AS (
        UPDATE {lanes} SET expires_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE owner = $1
        RETURNING lane, term
    ), free AS (
        SELECT lane FROM {lanes}
        WHERE owner IS NULL OR owner <> $1 AND expires_at < clock_timestamp()
        ORDER BY lane LIMIT greatest((SELECT lanes FROM share) - (SELECT count(*) FROM renewed), 0)
        FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE {lanes} AS lanes SET owner = $1, term = lanes.term + 1,
            expires_at = clock_timestamp() + $2 * interval '1 millisecond'
        FROM free WHERE lanes.lane = free.lane
        RETURNING lanes.lane, lanes.term
    ), held AS (
        SELECT lane, term FROM renewed UNION ALL SELECT lane, term FROM taken
    )
    SELECT coalesce((SELECT array_agg(lane ORDER BY lane) FROM held), '{}') AS lanes,
        coalesce((SELECT array_agg(term ORDER BY lane) FROM held), '{}') AS terms,
        (SELECT greatest(count(*) - (SELECT lanes FROM share), 0) FROM renewed) AS surplus,
        (SELECT greatest((extract(epoch FROM min(expires_at) - clock_timestamp()) * 1000)::bigint, 0)
            FROM {lanes} WHERE owner <> $1) AS next_expiry,
        CASE WHEN $8 THEN {place} <> $9
            OR (SELECT seq FROM {outbox} WHERE $5 < seq ORDER BY seq LIMIT 1) IS NOT NULL
            OR (SELECT seq FROM {outbox} WHERE {is_late} ORDER BY seq LIMIT 1) IS NOT NULL
        ELSE false END AS has_news";

/// What the read saw, in the first row; the late rows; then those behind the cursor. Of late rows beyond `$1`, of other relays' lanes
/// (which are not in the set `$2`, lane 1 its lowest bit), and of those that are longer than `$9`, without headers and payload. The
/// snapshot is that of the reads, and the statement uses up a transaction id.
const FETCH: &str = "
    WITH {ended}
    SELECT pg_current_snapshot()::text AS snapshot, {place} AS place, NULL::boolean AS is_late,
        {no_record}, NULL::integer AS size
    WHERE pg_current_xact_id() IS NOT NULL
    UNION ALL
    (SELECT NULL, NULL, true, {late_record}, {size}
        FROM (SELECT *, row_number() OVER (ORDER BY seq) AS place FROM {outbox} WHERE {is_late} AND {is_own}) AS late
        ORDER BY seq)
    UNION ALL
    (SELECT NULL, NULL, false, {own_record}, {size} FROM {outbox} WHERE $5 < seq ORDER BY seq LIMIT $8)";

/// Whether a row's lane is in the set `$2`.
const IS_OWN: &str = "(($2::integer >> (key_hash % 16)::integer) & 1) = 1";

/// The server's start and the file of the table, which is another one when the table is emptied, rewritten or made anew.
const PLACE: &str = "concat((extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, '/',
    pg_relation_filenode('{outbox}'))";

/// The bytes of a row's headers and payload, which PostgreSQL knows without reading them.
const SIZE: &str = "(octet_length(headers) + octet_length(payload))";

/// Locks the lanes first, so that a take-over either waits for the rows to be gone or forestalls it. Takes effect where all
/// the lanes are held.
const TENURE: &str = "
    WITH held AS (
        SELECT lanes.lane FROM {lanes} AS lanes JOIN unnest($2::integer[], $3::bigint[]) AS own (lane, term) USING (lane, term)
        WHERE owner = $1 ORDER BY lanes.lane FOR UPDATE OF lanes
    ), tenure AS (
        SELECT count(*) = cardinality($2) AS held FROM held
    )";

/// Of the rows with these numbers, those that are these events.
const DELIVERED: &str = "seq = ANY($4) AND event_id IN (SELECT unnest($5::uuid[]))";

/// Counts what was there to be deleted: a settlement whose answer was lost comes again.
const COUNTED: &str = "
    counted AS (
        UPDATE {lanes} SET published = published + (SELECT count(*) FROM settled)
        WHERE lane = ($2::integer[])[1] AND (SELECT held FROM tenure)
    )";

const DEAD_LETTERS: &str = "
    SELECT {event}, reason, {died_at} FROM {dead}
    WHERE (seq, event_id) > ($1, $2) ORDER BY seq, event_id LIMIT $3";

const COLUMNS: &str =
    "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";

impl Statements {
    pub(super) fn new(table: &OutboxTable) -> Self {
        let of = |template: &str| statement(template, table);
        Self {
            // The column that came last, and the tables.
            columns: of("SELECT xid FROM {outbox}, {dead}, {published}, {relays}, {lanes} LIMIT 0"),
            stand: of(STAND),
            release: of("
                WITH free AS (
                    UPDATE {lanes} AS lanes SET owner = NULL
                    FROM unnest($2::integer[], $3::bigint[]) AS own (lane, term)
                    WHERE owner = $1 AND lanes.lane = own.lane AND lanes.term = own.term
                )
                SELECT pg_notify('{channel}', '{lanes_are_free}')"),
            leave: of("
                WITH gone AS (DELETE FROM {relays} WHERE relay = $1),
                free AS (UPDATE {lanes} SET owner = NULL WHERE owner = $1)
                SELECT pg_notify('{channel}', '{lanes_are_free}')"),
            fetch: of(FETCH),
            load: of("SELECT {record} FROM {outbox} WHERE seq = ANY($1) ORDER BY seq"),
            settle: of("
                {tenure}, settled AS (
                    DELETE FROM {outbox} WHERE {delivered} AND (SELECT held FROM tenure) RETURNING seq
                ), {counted}
                SELECT held FROM tenure"),
            settle_and_keep: of("
                {tenure}, settled AS (
                    DELETE FROM {outbox} WHERE {delivered} AND (SELECT held FROM tenure) RETURNING {columns}
                ), {counted}, kept AS (
                    INSERT INTO {published} ({columns}) SELECT {columns} FROM settled ON CONFLICT (seq) DO NOTHING
                )
                SELECT held FROM tenure"),
            refuse: of("
                {tenure}, refused AS (
                    UPDATE {outbox} SET attempts = $6, last_error = $7
                    WHERE seq = $4 AND event_id = $5 AND (SELECT held FROM tenure)
                )
                SELECT held FROM tenure"),
            bury: of("
                {tenure}, buried AS (
                    DELETE FROM {outbox} WHERE seq = $4 AND event_id = $5 AND (SELECT held FROM tenure) RETURNING *
                ), kept AS (
                    INSERT INTO {dead} (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                        payload, encoding, created_at, attempts, reason)
                    SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
                        payload, encoding, created_at, $6, $7 FROM buried
                    ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason, died_at = clock_timestamp()
                )
                SELECT held FROM tenure"),
            pending: of("SELECT {event} FROM {outbox} ORDER BY seq LIMIT $1"),
            dead_letters: of(DEAD_LETTERS),
            dead_letter: of("SELECT {event}, reason, {died_at} FROM {dead} WHERE event_id = $1"),
            relays: of("
                SELECT relays.relay, (extract(epoch FROM relays.started_at) * 1000000)::bigint AS started_at,
                    clock_timestamp() <= relays.expires_at AS is_alive, lanes.lane
                FROM {relays} AS relays
                LEFT JOIN {lanes} AS lanes ON lanes.owner = relays.relay AND clock_timestamp() <= lanes.expires_at
                ORDER BY relays.started_at, relays.relay, lanes.lane"),
            // The deletion gives the transaction its id before a number is drawn.
            requeue: of("
                WITH revived AS (DELETE FROM {dead} WHERE event_id = ANY($1) AND 0 < encoding RETURNING *)
                INSERT INTO {outbox} (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload,
                    encoding, created_at)
                SELECT event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload,
                    encoding, created_at FROM revived ORDER BY seq"),
            discard: of("DELETE FROM {dead} WHERE event_id = ANY($1)"),
            cleanup: of("
                DELETE FROM {dead} WHERE event_id IN (
                    SELECT event_id FROM {dead} WHERE died_at < clock_timestamp() - $1 * interval '1 millisecond'
                    LIMIT $2)"),
            forget: of("
                DELETE FROM {published} WHERE seq IN (
                    SELECT seq FROM {published} WHERE published_at < clock_timestamp() - $1 * interval '1 millisecond'
                    ORDER BY published_at LIMIT $2)"),
            redact: of("UPDATE {dead} SET payload = '', headers = '[]', encoding = 0 WHERE event_id = ANY($1)"),
            stats: of("
                SELECT (SELECT count(*) FROM {outbox}) AS pending,
                    (SELECT (extract(epoch FROM clock_timestamp() - min(created_at)) * 1000)::bigint FROM {outbox})
                        AS oldest_age,
                    (SELECT count(*) FROM {dead}) AS dead,
                    (SELECT coalesce(sum(published), 0)::bigint FROM {lanes}) AS published"),
        }
    }
}

fn statement(template: &str, table: &OutboxTable) -> SqlStr {
    let record_if = |condition: &str| {
        ["headers", "payload"].iter().fold(RECORD.to_owned(), |columns, column| {
            columns.replace(&format!(" {column},"), &format!(" CASE WHEN {condition} THEN {column} END,"))
        })
    };
    let (own_record, late_record) = (record_if("{is_own} AND {size} <= $9"), record_if("place <= $1 AND {size} <= $9"));
    let text = template
        .replace("{ended}", ENDED)
        .replace("{tenure}", TENURE)
        .replace("{delivered}", DELIVERED)
        .replace("{counted}", COUNTED)
        .replace("{is_late}", IS_LATE)
        .replace("{own_record}", &own_record)
        .replace("{late_record}", &late_record)
        .replace("{no_record}", NO_RECORD)
        .replace("{record}", RECORD)
        .replace("{is_own}", IS_OWN)
        .replace("{place}", PLACE)
        .replace("{size}", SIZE)
        .replace("{event}", EVENT)
        .replace("{columns}", COLUMNS)
        .replace("{died_at}", DIED_AT)
        .replace("{channel}", &listen::channel(table))
        .replace("{lanes_are_free}", listen::LANES);
    Quotes::Double.statement(&text, table)
}

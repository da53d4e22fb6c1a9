use sqlx::SqlStr;

use super::{
    super::{
        listen,
        rows::{NO_RECORD, RECORD},
    },
    fetch, heartbeat,
    settle::{self, settlement},
};
use crate::outbox::{OutboxTable, Quotes};

/// The relay's statements of one outbox. The database's clock decides about leases.
#[derive(Debug)]
pub(in crate::outbox::postgres) struct Statements {
    pub(super) columns: SqlStr,
    pub(super) sequences: SqlStr,
    pub(in crate::outbox::postgres) lanes: SqlStr,
    pub(super) heartbeat: SqlStr,
    pub(super) heartbeat_and_look: SqlStr,
    pub(super) release: SqlStr,
    pub(super) leave: SqlStr,
    pub(super) fetch: SqlStr,
    pub(super) reread: SqlStr,
    pub(super) load: SqlStr,
    pub(super) first_between: SqlStr,
    pub(super) settle: SqlStr,
    pub(super) settle_and_keep: SqlStr,
    pub(super) settle_unlocked: SqlStr,
    pub(super) settle_unlocked_and_keep: SqlStr,
    pub(super) judge: SqlStr,
    pub(super) cleanup: SqlStr,
    pub(super) forget: SqlStr,
    pub(super) stats: SqlStr,
}

/// The sequence of the numbers, where it gives them out in batches: then a higher one can be committed before a lower one is drawn.
const SEQUENCES: &str = "
    SELECT sequences.seqrelid::regclass::text, sequences.seqcache
    FROM pg_depend AS owned JOIN pg_sequence AS sequences ON sequences.seqrelid = owned.objid
    JOIN pg_attribute AS columns ON columns.attrelid = owned.refobjid AND columns.attnum = owned.refobjsubid
    WHERE owned.classid = 'pg_class'::regclass AND owned.refclassid = 'pg_class'::regclass
        AND owned.refobjid = '{outbox}'::regclass AND columns.attname = 'seq' AND 1 < sequences.seqcache LIMIT 1";

const COLUMNS: &str =
    "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";

impl Statements {
    pub(super) fn new(table: &OutboxTable) -> Self {
        let of = |template: &str| statement(template, table);
        Self {
            // The columns that came last, and the tables. The driver would ask for the type `xid8` before it executes the statement, and the
            // server forgets one without a name over that.
            columns: of("
                SELECT xid::text, relays.service FROM {outbox}, {dead}, {published}, {relays} AS relays, {lanes} AS lanes
                LIMIT 0"),
            sequences: of(SEQUENCES),
            lanes: of("SELECT count(*) FROM {lanes} WHERE lane BETWEEN 1 AND 16"),
            heartbeat: of(&with_look("", "false")),
            heartbeat_and_look: of(&with_look("{ended}, ", heartbeat::HAS_NEWS)),
            release: of(heartbeat::RELEASE),
            leave: of(heartbeat::LEAVE),
            fetch: of(&numbered(fetch::FETCH, &fetch::PARAMETERS)),
            reread: of(fetch::REREAD),
            load: of("SELECT {record} FROM {outbox} WHERE seq = ANY($1) ORDER BY seq"),
            first_between: of("SELECT seq FROM {outbox} WHERE $1 < seq AND seq <= $2 ORDER BY seq LIMIT 1"),
            settle: of(&settlement(false, false)),
            settle_and_keep: of(&settlement(true, false)),
            settle_unlocked: of(&settlement(false, true)),
            settle_unlocked_and_keep: of(&settlement(true, true)),
            judge: of(&settle::judgement()),
            cleanup: of(&counted("
                DELETE FROM {dead} WHERE event_id IN (
                    SELECT event_id FROM {dead} WHERE died_at <= clock_timestamp() - $1 * interval '1 millisecond'
                    LIMIT $2)")),
            forget: of(&counted("
                DELETE FROM {published} WHERE seq IN (
                    SELECT seq FROM {published} WHERE published_at <= clock_timestamp() - $1 * interval '1 millisecond'
                    ORDER BY published_at LIMIT $2)")),
            stats: of("
                SELECT (SELECT count(*) FROM {outbox}) AS pending,
                    (SELECT (extract(epoch FROM clock_timestamp() - min(created_at)) * 1000)::bigint FROM {outbox})
                        AS oldest_age,
                    (SELECT count(*) FROM {dead}) AS dead,
                    (SELECT coalesce(sum(published), 0)::bigint FROM (
                        SELECT published FROM {lanes} UNION ALL SELECT published FROM {relays}) AS settled) AS published"),
        }
    }
}

/// A statement that answers how many rows it changed.
pub(in crate::outbox::postgres) fn counted(statement: &str) -> String {
    format!("WITH done AS ({statement} RETURNING 1) SELECT count(*) FROM done")
}

/// A heartbeat that also looks for rows, or one that does not touch the outbox.
fn with_look(looked: &str, has_news: &str) -> String {
    let heartbeat = heartbeat::with_patience(heartbeat::HEARTBEAT);
    numbered(&heartbeat.replace("{look}", looked).replace("{has_news}", has_news), &heartbeat::LOOK)
}

/// A statement with the parts that look for rows, and the numbers of their parameters in it.
fn numbered(template: &str, parameters: &[(&str, &str)]) -> String {
    let parts = template
        .replace("{ended}", fetch::ENDED)
        .replace("{is_late}", fetch::IS_LATE)
        .replace("{late_end}", fetch::LATE_END);
    parameters.iter().fold(parts, |text, (name, number)| text.replace(name, number))
}

fn statement(template: &str, table: &OutboxTable) -> SqlStr {
    let record_if = |condition: &str| {
        ["headers", "payload"].iter().fold(RECORD.to_owned(), |columns, column| {
            columns.replace(&format!(" {column},"), &format!(" CASE WHEN {condition} THEN {column} END,"))
        })
    };
    let text = settle::with_parts(template)
        .replace("{own_record}", &record_if("{is_own} AND {size} <= $9"))
        .replace("{short_record}", &record_if("{size} <= $5"))
        .replace("{late_record}", &record_if("{size} <= $9"))
        .replace("{no_record}", NO_RECORD)
        .replace("{record}", RECORD)
        .replace("{is_own}", fetch::IS_OWN)
        .replace("{started}", fetch::STARTED)
        .replace("{file}", fetch::FILE)
        .replace("{size}", fetch::SIZE)
        .replace("{columns}", COLUMNS)
        .replace("{channel}", &listen::channel(table))
        .replace("{lanes_are_free}", listen::LANES);
    Quotes::Double.statement(&text, table)
}

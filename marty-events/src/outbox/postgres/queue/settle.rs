//! Settlements and judgements of a relay: what it changes of the rows in its lanes.
//!
//! Each locks its lanes `FOR KEY SHARE` first, so that a take-over either waits for the rows to be gone or forestalls it, and takes
//! effect where all the lanes are held. Neither waits for somebody else's row for long: the usual settlement has a time-out within
//! itself, and what comes after that, as every judgement, passes over locked rows and says which.

use sqlx::{Row, error::DatabaseError};
use uuid::Uuid;

use super::{PostgresStore, arrays};
use crate::outbox::{
    RowId,
    lanes::Lane,
    queue::{Refused, Settled},
};

/// The longest wait of a statement that has lanes for a row, in milliseconds.
const LOCK_TIMEOUT: &str = "250";

/// The time-out is set before the first lock is taken: the lanes are joined with it.
const TENURE: &str = "
    WITH patience AS MATERIALIZED (
        SELECT set_config('lock_timeout', '{lock_timeout}', true) AS set
    ), held AS MATERIALIZED (
        SELECT lanes.lane FROM patience, {lanes} AS lanes
            JOIN unnest($2::integer[], $3::bigint[]) AS own (lane, term) USING (lane, term)
        WHERE owner = $1 ORDER BY lanes.lane FOR KEY SHARE OF lanes
    ), tenure AS MATERIALIZED (
        SELECT count(*) = cardinality($2) AS held FROM held
    )";

/// The rows with these numbers that are these events.
const DELIVERED: &str = "seq = ANY($4) AND event_id IN (SELECT unnest($5::uuid[]))";

/// The same of those that nobody has locked.
const UNLOCKED: &str = "seq IN (
        SELECT seq FROM {outbox} WHERE {delivered} AND (SELECT held FROM tenure) FOR UPDATE SKIP LOCKED)";

const SETTLE: &str = "
    {tenure}, settled AS (
        DELETE FROM {outbox} WHERE {rows} AND (SELECT held FROM tenure) RETURNING {returned}
    ){kept}
    SELECT held, {left} AS rows_left FROM tenure";

const KEPT: &str = ", kept AS (
        INSERT INTO {published} ({columns}) SELECT {columns} FROM settled ON CONFLICT (seq) DO NOTHING
    )";

const LEFT: &str = "(SELECT coalesce(array_agg(seq), '{}') FROM {outbox}
        WHERE {delivered} AND seq NOT IN (SELECT seq FROM settled))";

/// Usually every row is deleted, and nothing has to be looked for. What is left is not gone: a trigger may keep rows.
const ALL: &str = "CASE WHEN (SELECT count(*) FROM settled) = cardinality($4) THEN '{}' ELSE {left_over} END";

const JUDGE: &str = "
    {tenure}, verdicts AS MATERIALIZED (
        SELECT * FROM unnest($4::bigint[], $5::uuid[], $6::integer[], $7::text[], $8::boolean[])
            AS verdict (seq, event_id, attempts, reason, is_buried)
    ), found AS MATERIALIZED (
        SELECT outbox.seq, verdicts.attempts, verdicts.reason, verdicts.is_buried
        FROM {outbox} AS outbox JOIN verdicts ON verdicts.seq = outbox.seq AND verdicts.event_id = outbox.event_id
        WHERE outbox.seq = ANY($4) AND (SELECT held FROM tenure) FOR UPDATE OF outbox SKIP LOCKED
    ), refused AS (
        UPDATE {outbox} AS outbox SET attempts = found.attempts, last_error = found.reason
        FROM found WHERE outbox.seq = ANY($4) AND outbox.seq = found.seq AND NOT found.is_buried
    ), buried AS (
        DELETE FROM {outbox} AS outbox USING found
        WHERE outbox.seq = ANY($4) AND outbox.seq = found.seq AND found.is_buried
        RETURNING outbox.*, found.attempts AS counted, found.reason AS reason
    ), kept AS (
        INSERT INTO {dead} (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
            payload, encoding, created_at, attempts, reason)
        SELECT DISTINCT ON (event_id) event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
            payload, encoding, created_at, counted, reason FROM buried ORDER BY event_id, seq DESC
        ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason, died_at = clock_timestamp()
    )
    SELECT held, (SELECT coalesce(array_agg(outbox.seq), '{}') FROM {outbox} AS outbox
            JOIN verdicts ON verdicts.seq = outbox.seq AND verdicts.event_id = outbox.event_id
            WHERE outbox.seq = ANY($4) AND outbox.seq NOT IN (SELECT seq FROM found)) AS rows_left
    FROM tenure";

/// A settlement: whether its rows are kept, and whether it passes over locked ones.
pub(super) fn settlement(keeps: bool, skips: bool) -> String {
    SETTLE
        .replace("{rows}", if skips { UNLOCKED } else { "{delivered}" })
        .replace("{returned}", if keeps { "{columns}" } else { "seq" })
        .replace("{kept}", if keeps { KEPT } else { "" })
        .replace("{left}", if skips { LEFT } else { ALL })
        .replace("{left_over}", LEFT)
}

pub(super) fn judgement() -> String {
    JUDGE.to_owned()
}

pub(super) fn with_parts(template: &str) -> String {
    template.replace("{tenure}", TENURE).replace("{delivered}", DELIVERED).replace("{lock_timeout}", LOCK_TIMEOUT)
}

/// 55P03: `lock_not_available`
fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).as_deref() == Some("55P03")
}

impl PostgresStore {
    pub(super) async fn remove(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        rows: &[RowId],
        keep: bool,
    ) -> Result<Settled, sqlx::Error> {
        let usual = if keep { &self.sql.settle_and_keep } else { &self.sql.settle };
        match self.removed_by(usual, relay, lanes, rows).await {
            Err(error) if is_locked(&error) => {
                let skipping = if keep { &self.sql.settle_unlocked_and_keep } else { &self.sql.settle_unlocked };
                self.removed_by(skipping, relay, lanes, rows).await
            }
            settled => settled,
        }
    }

    async fn removed_by(
        &self,
        sql: &sqlx::SqlStr,
        relay: Uuid,
        lanes: &[Lane],
        rows: &[RowId],
    ) -> Result<Settled, sqlx::Error> {
        let (numbers, terms) = arrays(lanes);
        let (seqs, ids) = RowId::lists(rows.iter().copied());
        let query = sqlx::query(sql.clone()).bind(relay).bind(numbers).bind(terms).bind(seqs).bind(ids);
        settled(&self.row(query).await?)
    }

    pub(super) async fn judged(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        refused: &[Refused],
    ) -> Result<Settled, sqlx::Error> {
        let (numbers, terms) = arrays(lanes);
        let (seqs, ids) = RowId::lists(refused.iter().map(|refused| refused.row));
        let reasons: Vec<&str> = refused.iter().map(|refused| refused.reason.as_str()).collect();
        let query = sqlx::query(self.sql.judge.clone())
            .bind(relay)
            .bind(numbers)
            .bind(terms)
            .bind(seqs)
            .bind(ids)
            .bind(refused.iter().map(|refused| refused.attempts).collect::<Vec<i32>>())
            .bind(reasons)
            .bind(refused.iter().map(|refused| refused.is_buried).collect::<Vec<bool>>());
        settled(&self.row(query).await?)
    }
}

fn settled(row: &sqlx::postgres::PgRow) -> Result<Settled, sqlx::Error> {
    Ok(if row.try_get("held")? { Settled::Except(row.try_get("rows_left")?) } else { Settled::Lost })
}

//! Settlements and judgements of a relay, under its lanes.

use sqlx::{Sqlite, SqliteExecutor, Transaction};
use uuid::Uuid;

use super::{
    super::{
        lanes::Lane,
        queue::{Refused, Settled},
    },
    queue::{SqliteStore, json, pairs, texts},
};
use crate::{EventError, outbox::RowId};

const HELD: &str = "
    SELECT count(*) FROM {lanes}
    WHERE owner = ?1 AND (lane, term) IN
        (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2))";

const KEEP_DELIVERED: &str = "
    INSERT OR IGNORE INTO {published} ({event})
    SELECT {event} FROM {outbox} WHERE {delivered}";

const DELETE_DELIVERED: &str = "DELETE FROM {outbox} WHERE {delivered}";

/// In one statement, which is a transaction by itself and holds the write lock for the shortest time.
const SETTLE: &str = "
    DELETE FROM {outbox} WHERE {delivered}
    AND json_array_length(?4) = (
        SELECT count(*) FROM {lanes} WHERE owner = ?3 AND (lane, term) IN
            (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?4)))";

const REFUSE: &str = "UPDATE {outbox} SET attempts = ?3, last_error = ?4 WHERE seq = ?1 AND event_id = ?2";

const BURY: &str = "
    INSERT INTO {dead} ({event}, reason)
    SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash, headers,
        payload, encoding, created_at, ?3, ?4 FROM {outbox} WHERE seq = ?1 AND event_id = ?2
    ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason, died_at = {now}";

/// Takes the same parameters as the statement before it.
const DELETE_BURIED: &str =
    "DELETE FROM {outbox} WHERE seq = ?1 AND event_id = ?2 AND ?3 IS NOT NULL AND ?4 IS NOT NULL";

impl SqliteStore {
    pub(super) async fn settle_rows(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        rows: &[RowId],
        keep: bool,
    ) -> Result<Settled, EventError> {
        let operation = "settle delivered events";
        let (seqs, ids) = RowId::lists(rows.iter().copied());
        let (seqs, ids) = (json(&seqs)?, json(&texts(&ids))?);
        if keep {
            let Some(mut transaction) = self.begin_under(relay, lanes, operation).await? else {
                return Ok(Settled::Lost);
            };
            for statement in [KEEP_DELIVERED, DELETE_DELIVERED] {
                let done =
                    sqlx::query(self.statement(statement)).bind(&seqs).bind(&ids).execute(&mut *transaction).await;
                done.map_err(self.error(operation))?;
            }
            transaction.commit().await.map_err(self.error(operation))?;
            return Ok(Settled::Except(Vec::new()));
        }
        let done = sqlx::query(self.statement(SETTLE))
            .bind(&seqs)
            .bind(&ids)
            .bind(relay.to_string())
            .bind(json(&pairs(lanes))?)
            .execute(&self.pool)
            .await
            .map_err(self.error(operation))?;
        // Rows that were deleted show that the lanes were held. Without one, the rows may have been gone before.
        if done.rows_affected() == 0 && !self.holds(&self.pool, relay, lanes, operation).await? {
            return Ok(Settled::Lost);
        }
        Ok(Settled::Except(Vec::new()))
    }

    pub(super) async fn judge_rows(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        refused: &[Refused],
    ) -> Result<Settled, EventError> {
        let operation = "write refusals down";
        let Some(mut transaction) = self.begin_under(relay, lanes, operation).await? else { return Ok(Settled::Lost) };
        for refused in refused {
            let statements: &[&str] = if refused.is_buried { &[BURY, DELETE_BURIED] } else { &[REFUSE] };
            for &statement in statements {
                sqlx::query(self.statement(statement))
                    .bind(refused.row.seq)
                    .bind(refused.row.event_id.to_string())
                    .bind(refused.attempts)
                    .bind(&refused.reason)
                    .execute(&mut *transaction)
                    .await
                    .map_err(self.error(operation))?;
            }
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(Settled::Except(Vec::new()))
    }

    /// A transaction under the relay's lanes, or none where another relay has taken one of them over.
    async fn begin_under(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        operation: &'static str,
    ) -> Result<Option<Transaction<'static, Sqlite>>, EventError> {
        let mut transaction = self.begin(operation).await?;
        Ok(self.holds(&mut *transaction, relay, lanes, operation).await?.then_some(transaction))
    }

    /// True if all of these lanes are the relay's.
    async fn holds(
        &self,
        database: impl SqliteExecutor<'_>,
        relay: Uuid,
        lanes: &[Lane],
        operation: &'static str,
    ) -> Result<bool, EventError> {
        let held: i64 = sqlx::query_scalar(self.statement(HELD))
            .bind(relay.to_string())
            .bind(json(&pairs(lanes))?)
            .fetch_one(database)
            .await
            .map_err(self.error(operation))?;
        Ok(usize::try_from(held) == Ok(lanes.len()))
    }
}

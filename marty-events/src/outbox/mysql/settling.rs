//! A relay's changes of rows that it has sent.
//!
//! Every statement holds the relay's lanes, shared, so none of them waits for somebody else's row: rows are locked first, and
//! those that are locked already are passed over. Every statement finds its rows by the primary key. A statement that scans
//! the table locks every row that it meets, and waits for those of open transactions.

use std::{collections::HashSet, fmt::Write};

use sqlx::{Row, mysql::MySqlRow};
use uuid::Uuid;

use super::{
    super::{
        lanes::Lane,
        queue::{Refused, Settled},
    },
    queue::{LONGEST_LIST, MySqlStore},
    statements::{numbers, quoted, text},
    work::Work,
};
use crate::outbox::RowId;

/// So many refusals go into one statement, each with its reason.
const MOST_REFUSALS: usize = 100;

impl MySqlStore {
    pub(super) async fn settle_rows(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        rows: &[RowId],
        keep: bool,
    ) -> Result<Settled, sqlx::Error> {
        let Some(mut work) = self.begin_under(relay, lanes).await? else { return Ok(Settled::Lost) };
        let result = async {
            let locked = lock(&mut work, rows).await?;
            let rest = still_there(&mut work, rows, &locked).await?;
            let mut last = Vec::new();
            for some in locked.chunks(LONGEST_LIST) {
                let settled = numbers(some);
                if keep {
                    last.push(format!(
                        "INSERT IGNORE INTO {{published}} ({{event}})
                        SELECT {{event}} FROM {{outbox}} FORCE INDEX (PRIMARY) WHERE seq IN ({settled})"
                    ));
                }
                last.push(delete(&settled));
            }
            work.commit(&last.join("; ")).await?;
            Ok(Settled::Except(rest))
        };
        let result = result.await;
        work.end(result).await
    }

    pub(super) async fn judge_rows(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        refused: &[Refused],
    ) -> Result<Settled, sqlx::Error> {
        let Some(mut work) = self.begin_under(relay, lanes).await? else { return Ok(Settled::Lost) };
        let result = async {
            let rows: Vec<RowId> = refused.iter().map(|refused| refused.row).collect();
            let locked = lock(&mut work, &rows).await?;
            let rest = still_there(&mut work, &rows, &locked).await?;
            let locked: HashSet<i64> = locked.into_iter().collect();
            let (buried, waiting): (Vec<&Refused>, Vec<&Refused>) = refused
                .iter()
                .filter(|refused| locked.contains(&refused.row.seq))
                .partition(|refused| refused.is_buried);
            for some in waiting.chunks(MOST_REFUSALS) {
                work.rows(&write_down(some)).await?;
            }
            for some in buried.chunks(MOST_REFUSALS) {
                work.rows(&bury(some)).await?;
            }
            work.commit("").await?;
            Ok(Settled::Except(rest))
        };
        let result = result.await;
        work.end(result).await
    }

    /// A transaction under the relay's lanes, or none where another relay has taken one of them over.
    async fn begin_under(&self, relay: Uuid, lanes: &[Lane]) -> Result<Option<Work>, sqlx::Error> {
        let sql = format!(
            "SELECT lane, term FROM {{lanes}} FORCE INDEX (PRIMARY)
            WHERE lane IN ({}) AND owner = '{relay}' ORDER BY lane LOCK IN SHARE MODE",
            numbers(lanes.iter().map(|lane| lane.number))
        );
        let (work, held) = Work::begin(&self.pool, &self.table, &sql).await?;
        let held = held.iter().map(super::holding::lane).collect::<Result<Vec<_>, _>>();
        let held = match held {
            Ok(held) => lanes.iter().all(|lane| held.contains(lane)),
            Err(error) => return work.end(Err(error)).await,
        };
        if held {
            return Ok(Some(work));
        }
        work.give_up().await?;
        Ok(None)
    }
}

/// Locks those of the rows that nobody else has locked, and answers their numbers. The number of an outbox that was set back may be
/// another event's by now, so each is named by its event as well.
async fn lock(work: &mut Work, rows: &[RowId]) -> Result<Vec<i64>, sqlx::Error> {
    find(work, rows, " FOR UPDATE SKIP LOCKED").await
}

/// The rows that are still there besides those that are `locked`.
async fn still_there(work: &mut Work, rows: &[RowId], locked: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    if locked.len() == rows.len() {
        return Ok(Vec::new());
    }
    let locked: HashSet<i64> = locked.iter().copied().collect();
    let others: Vec<RowId> = rows.iter().copied().filter(|row| !locked.contains(&row.seq)).collect();
    find(work, &others, "").await
}

async fn find(work: &mut Work, rows: &[RowId], locking: &str) -> Result<Vec<i64>, sqlx::Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let select = |some: &[RowId]| {
        let (seqs, ids) = RowId::lists(some.iter().copied());
        format!(
            "SELECT seq FROM {{outbox}} FORCE INDEX (PRIMARY) WHERE seq IN ({}) AND event_id IN ({}){locking}",
            numbers(seqs),
            quoted(ids),
        )
    };
    let sql: Vec<String> = rows.chunks(LONGEST_LIST).map(select).collect();
    let found = work.rows(&sql.join("; ")).await?;
    found.iter().map(|row: &MySqlRow| row.try_get("seq")).collect()
}

/// By a join: MariaDB scans the table for a `DELETE` that names a good part of its rows in a list, `FORCE INDEX` or not.
fn delete(list: &str) -> String {
    format!(
        "DELETE o FROM JSON_TABLE('[{list}]', '$[*]' COLUMNS (seq BIGINT PATH '$')) AS named
        STRAIGHT_JOIN {{outbox}} AS o FORCE INDEX (PRIMARY) ON o.seq = named.seq"
    )
}

fn write_down(refused: &[&Refused]) -> String {
    format!(
        "UPDATE {{outbox}} FORCE INDEX (PRIMARY) SET attempts = {}, last_error = {} WHERE seq IN ({})",
        by_row(refused, |refused| refused.attempts.to_string()),
        by_row(refused, |refused| text(&refused.reason)),
        list(refused),
    )
}

fn bury(refused: &[&Refused]) -> String {
    format!(
        "INSERT INTO {{dead}} ({{event}}, reason)
        SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
            created_at, {}, {} FROM {{outbox}} FORCE INDEX (PRIMARY) WHERE seq IN ({})
        ON DUPLICATE KEY UPDATE reason = VALUES(reason), died_at = {{now}}; {}",
        by_row(refused, |refused| refused.attempts.to_string()),
        by_row(refused, |refused| text(&refused.reason)),
        list(refused),
        delete(&list(refused)),
    )
}

fn list(refused: &[&Refused]) -> String {
    numbers(refused.iter().map(|refused| refused.row.seq))
}

/// A value for each row.
fn by_row(refused: &[&Refused], value: impl Fn(&Refused) -> String) -> String {
    let mut sql = "CASE seq".to_owned();
    for refused in refused {
        let _ = write!(sql, " WHEN {} THEN {}", refused.row.seq, value(refused));
    }
    sql + " END"
}

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, Row, SqlStr, error::DatabaseError, postgres::PgRow};
use uuid::Uuid;

use super::{
    super::{
        DeadLetter, OutboxStats, OutboxTable, PendingEvent, RelayStatus,
        lanes::{Lane, longest, span},
        sql::Quotes,
        store::{
            Heartbeat, Holding, Page, Position, Refused, RowId, Settled, Store, count, database_error, milliseconds,
        },
        wake::Wake,
    },
    listen,
    position::{Bounds, PostgresPosition, Sight, Snapshot},
    rows,
    statements::Statements,
};
use crate::EventError;

/// The outbox in a PostgreSQL database.
#[derive(Debug, Clone)]
pub(crate) struct PostgresStore {
    pub(super) pool: PgPool,
    pub(super) table: OutboxTable,
    sql: Arc<Statements>,
}

/// The suffixes of the tables that a relay uses.
const TABLES: [&str; 5] = ["", "_dead_letters", "_published", "_relays", "_lanes"];

/// The user, if it lacks any of the rights that a relay needs.
const FORBIDDEN: &str = "
    SELECT current_user::text
    FROM unnest($1::text[]) AS of (name), unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS needed (privilege)
    WHERE NOT has_table_privilege(name, privilege) LIMIT 1";

/// The answer to a look at the outbox, before it is known whether all of it may be taken.
struct Look {
    sight: Sight,
    /// Each begins with the columns of the first row, and whether it is late.
    rows: std::vec::IntoIter<PgRow>,
}

impl PostgresStore {
    pub(crate) fn new(pool: PgPool, table: OutboxTable) -> Self {
        let sql = Arc::new(Statements::new(&table));
        Self { pool, table, sql }
    }

    async fn look(
        &self,
        position: &PostgresPosition,
        lanes: &[Lane],
        limit: i64,
        bytes: i64,
    ) -> Result<Look, EventError> {
        let operation = "read the backlog";
        let Bounds { cursor, behind, next_xid, named, floors } = position.bounds();
        let mut rows = sqlx::query(self.sql.fetch.clone())
            .bind(limit)
            .bind(set(lanes))
            .bind(named)
            .bind(floors)
            .bind(cursor)
            .bind(behind)
            .bind(next_xid)
            .bind(span(limit, lanes))
            .bind(longest(bytes, limit, lanes))
            .fetch_all(&self.pool)
            .await
            .map_err(self.error(operation))?
            .into_iter();
        let broken = |problem: &str| self.error(operation)(sqlx::Error::Protocol(problem.to_owned()));
        let first = rows.next().ok_or_else(|| broken("no row"))?;
        let snapshot = first.try_get("snapshot").map_err(self.error(operation))?;
        let sight = Sight {
            snapshot: Snapshot::parse(snapshot).ok_or_else(|| broken("no snapshot"))?,
            place: first.try_get("place").map_err(self.error(operation))?,
        };
        Ok(Look { sight, rows })
    }

    async fn delete_old(&self, sql: &SqlStr, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(sql.clone()).bind(milliseconds(age)).bind(limit).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    pub(super) fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }
}

/// 25006: `read_only_sql_transaction`
fn is_read_only(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).as_deref() == Some("25006")
}

fn settled(held: bool) -> Settled {
    if held { Settled::Except(Vec::new()) } else { Settled::Lost }
}

/// Lanes as a set of bits.
fn set(lanes: &[Lane]) -> i32 {
    lanes.iter().fold(0, |set, lane| set | 1 << (lane.number - 1))
}

/// Lanes as two arrays: numbers and terms.
fn arrays(lanes: &[Lane]) -> (Vec<i32>, Vec<i64>) {
    lanes.iter().map(|lane| (lane.number, lane.term)).unzip()
}

impl Store for PostgresStore {
    type Position = PostgresPosition;

    async fn validate(&self) -> Result<(), EventError> {
        let operation = "be looked at";
        sqlx::query(self.sql.columns.clone()).fetch_all(&self.pool).await.map_err(self.error(operation))?;
        let tables: Vec<String> = TABLES.iter().map(|suffix| Quotes::Double.quoted(&self.table, suffix)).collect();
        let missing = sqlx::query_scalar(FORBIDDEN)
            .bind(&tables)
            .fetch_optional(&self.pool)
            .await
            .map_err(self.error(operation))?;
        match missing {
            Some(user) => Err(EventError::OutboxForbidden { user, tables: tables.join(", ") }),
            None => Ok(()),
        }
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat, look: Option<&PostgresPosition>) -> Result<Holding, EventError> {
        let operation = "renew the leases";
        let nowhere = PostgresPosition::default();
        let position = look.unwrap_or(&nowhere);
        let Bounds { cursor, behind, next_xid, named, floors } = position.bounds();
        let mut connection = self.pool.acquire().await.map_err(self.error(operation))?;
        let row = sqlx::query(self.sql.stand.clone())
            .bind(heartbeat.relay)
            .bind(milliseconds(heartbeat.lease))
            .bind(named)
            .bind(floors)
            .bind(cursor)
            .bind(behind)
            .bind(next_xid)
            .bind(look.is_some_and(|position| !position.is_new()))
            .bind(position.place())
            .fetch_one(&mut *connection)
            .await;
        if row.as_ref().is_err_and(is_read_only) {
            // To a server that was failed over from: the pool would keep it for as long as it lives.
            connection.close_on_drop();
        }
        let row = row.map_err(self.error(operation))?;
        let holding = || -> Result<Holding, sqlx::Error> {
            let (numbers, terms): (Vec<i32>, Vec<i64>) = (row.try_get("lanes")?, row.try_get("terms")?);
            let next_expiry: Option<i64> = row.try_get("next_expiry")?;
            Ok(Holding {
                marks: Vec::new(),
                lanes: numbers.into_iter().zip(terms).map(|(number, term)| Lane { number, term }).collect(),
                surplus: usize::try_from(row.try_get::<i64, _>("surplus")?).unwrap_or_default(),
                next_expiry: next_expiry.map(|time| Duration::from_millis(count(time))),
                has_news: row.try_get("has_news")?,
            })
        };
        holding().map_err(self.error(operation))
    }

    async fn listen(&self, wake: &Wake) -> Result<(), EventError> {
        listen::listen(&self.pool, &self.table, wake).await.map_err(self.error("listen"))
    }

    async fn release(&self, relay: Uuid, lanes: &[Lane], _: Option<&str>) -> Result<(), EventError> {
        let (numbers, terms) = arrays(lanes);
        sqlx::query(self.sql.release.clone())
            .bind(relay)
            .bind(numbers)
            .bind(terms)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(self.error("give lanes back"))
    }

    async fn leave(&self, relay: Uuid) -> Result<(), EventError> {
        sqlx::query(self.sql.leave.clone())
            .bind(relay)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(self.error("give the lanes back"))
    }

    async fn fetch(
        &self,
        position: &mut PostgresPosition,
        lanes: &[Lane],
        limit: i64,
        bytes: i64,
    ) -> Result<Page, EventError> {
        let Look { sight, rows } = self.look(position, lanes, limit, bytes).await?;
        if !position.recognises(&sight) {
            tracing::warn!(
                "the database is another one than before, or was set back; the outbox is read from its beginning"
            );
            return Ok(Page { is_full: true, ..Page::default() });
        }
        let (mut page, mut next, mut last) = (Page::default(), 0, None);
        for row in rows {
            let is_late: bool = row.try_get("is_late").map_err(self.error("read a row"))?;
            let seq = rows::take_in(&mut page, &row, rows::AFTER_SIGHT, lanes).map_err(self.error("read a row"))?;
            if !is_late {
                (next, last) = (next + 1, Some(seq));
            }
        }
        position.advance(&sight, last);
        page.is_full = next == span(limit, lanes);
        Ok(page)
    }

    async fn load(&self, seqs: &[i64]) -> Result<Page, EventError> {
        let rows = sqlx::query(self.sql.load.clone())
            .bind(seqs)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("read the backlog"))?;
        let mut page = Page::default();
        for row in &rows {
            rows::take_in(&mut page, row, 0, &[]).map_err(self.error("read a row"))?;
        }
        Ok(page)
    }

    async fn first_between(&self, _: i64, _: i64) -> Result<Option<i64>, EventError> {
        Ok(None)
    }

    async fn settle(&self, relay: Uuid, lanes: &[Lane], rows: &[RowId], keep: bool) -> Result<Settled, EventError> {
        let (numbers, terms) = arrays(lanes);
        let (seqs, ids): (Vec<i64>, Vec<Uuid>) = rows.iter().map(|row| (row.seq, row.event_id)).unzip();
        let sql = if keep { &self.sql.settle_and_keep } else { &self.sql.settle };
        sqlx::query_scalar(sql.clone())
            .bind(relay)
            .bind(numbers)
            .bind(terms)
            .bind(seqs)
            .bind(ids)
            .fetch_one(&self.pool)
            .await
            .map(settled)
            .map_err(self.error("settle delivered events"))
    }

    async fn judge(&self, relay: Uuid, lanes: &[Lane], refused: &[Refused]) -> Result<Settled, EventError> {
        let (numbers, terms) = arrays(lanes);
        for refused in refused {
            let sql = if refused.is_buried { &self.sql.bury } else { &self.sql.refuse };
            let held: bool = sqlx::query_scalar(sql.clone())
                .bind(relay)
                .bind(&numbers)
                .bind(&terms)
                .bind(refused.row.seq)
                .bind(refused.row.event_id)
                .bind(refused.attempts)
                .bind(&refused.reason)
                .fetch_one(&self.pool)
                .await
                .map_err(self.error("write refusals down"))?;
            if !held {
                return Ok(Settled::Lost);
            }
        }
        Ok(Settled::Except(Vec::new()))
    }

    async fn pending(&self, limit: i64) -> Result<Vec<PendingEvent>, EventError> {
        let rows = sqlx::query(self.sql.pending.clone())
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("list the pending events"))?;
        rows.iter().map(rows::event).collect()
    }

    async fn dead_letters(&self, (seq, id): (i64, Uuid), limit: i64) -> Result<Vec<DeadLetter>, EventError> {
        let rows = sqlx::query(self.sql.dead_letters.clone())
            .bind(seq)
            .bind(id)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("list the dead letters"))?;
        rows.iter().map(rows::dead_letter).collect()
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, EventError> {
        let row = sqlx::query(self.sql.dead_letter.clone()).bind(id).fetch_optional(&self.pool).await;
        row.map_err(self.error("look for a dead letter"))?.as_ref().map(rows::dead_letter).transpose()
    }

    async fn relays(&self) -> Result<Vec<RelayStatus>, EventError> {
        let operation = "list the relays";
        let rows = sqlx::query(self.sql.relays.clone()).fetch_all(&self.pool).await.map_err(self.error(operation))?;
        let relays = rows.iter().map(rows::relay).collect::<Result<Vec<_>, _>>();
        Ok(RelayStatus::gather(relays.map_err(self.error(operation))?))
    }

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let done = sqlx::query(self.sql.requeue.clone())
            .bind(ids)
            .execute(&self.pool)
            .await
            .map_err(self.error("requeue dead letters"))?;
        Ok(done.rows_affected())
    }

    async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let done = sqlx::query(self.sql.discard.clone())
            .bind(ids)
            .execute(&self.pool)
            .await
            .map_err(self.error("discard dead letters"))?;
        Ok(done.rows_affected())
    }

    async fn cleanup(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.cleanup, age, limit).await.map_err(self.error("clean up"))
    }

    async fn forget(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.forget, age, limit).await.map_err(self.error("forget delivered events"))
    }

    async fn redact(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let done = sqlx::query(self.sql.redact.clone())
            .bind(ids)
            .execute(&self.pool)
            .await
            .map_err(self.error("empty dead letters"))?;
        Ok(done.rows_affected())
    }

    async fn stats(&self) -> Result<OutboxStats, EventError> {
        let error = "count the events";
        let row = sqlx::query(self.sql.stats.clone()).fetch_one(&self.pool).await.map_err(self.error(error))?;
        let number = |column: &str| row.try_get::<i64, _>(column).map_err(self.error(error));
        let oldest: Option<i64> = row.try_get("oldest_age").map_err(self.error(error))?;
        Ok(OutboxStats {
            pending: count(number("pending")?),
            oldest_pending_age: oldest.map(|age| Duration::from_millis(count(age))),
            dead: count(number("dead")?),
            published: count(number("published")?),
        })
    }
}

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{Connection, MySql, MySqlConnection, MySqlPool, Row, SqlStr, Transaction, mysql::MySqlRow};
use uuid::Uuid;

use super::{
    super::{
        DeadLetter, OutboxStats, OutboxTable, PendingEvent, RelayStatus,
        lanes::{Lane, lane_of, longest, share, span},
        store::{
            Heartbeat, Holding, Page, Position, Refused, RowId, Settled, Store, count, database_error, milliseconds,
        },
        wake::Wake,
    },
    number,
    position::MySqlPosition,
    rows,
    statements::Statements,
};
use crate::EventError;

/// The outbox in a MySQL or MariaDB database.
#[derive(Debug, Clone)]
pub(crate) struct MySqlStore {
    pub(super) pool: MySqlPool,
    pub(super) table: OutboxTable,
    sql: Arc<Statements>,
}

/// So many numbers in a list are looked up by the primary key one by one; from 1,000 on MariaDB makes a table of them
/// (`in_predicate_conversion_threshold`).
const LONGEST_LIST: usize = 500;

impl MySqlStore {
    pub(crate) fn new(pool: MySqlPool, table: OutboxTable) -> Self {
        let sql = Arc::new(Statements::new(&table));
        Self { pool, table, sql }
    }

    /// Asks about the gaps that are old enough: those with no row, not even one of an open transaction, will never have one.
    async fn narrow(&self, position: &mut MySqlPosition) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        let old = position.old_gaps(now);
        if old.is_empty() {
            return Ok(());
        }
        let mut connection = self.pool.acquire().await?;
        // Whatever becomes of this future, nobody else gets a connection that reads what is not committed.
        connection.close_on_drop();
        let isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED";
        sqlx::raw_sql(isolation).execute(&mut *connection).await?;
        let there = sqlx::query_scalar(self.sql.gaps(&old)).persistent(false).fetch_all(&mut *connection).await?;
        position.narrow(&old, &there, now);
        Ok(())
    }

    fn page<'r>(&self, rows: impl IntoIterator<Item = &'r MySqlRow>, is_full: bool) -> Result<Page, EventError> {
        let columns = rows.into_iter().map(rows::columns).collect::<Result<Vec<_>, _>>();
        Ok(Page::of(columns.map_err(self.error("read a row"))?, is_full))
    }

    /// A transaction under the relay's lanes, or none where another relay has taken one of them over.
    async fn begin_under(
        &self,
        relay: Uuid,
        lanes: &[Lane],
        operation: &'static str,
    ) -> Result<Option<Transaction<'static, MySql>>, EventError> {
        let mut transaction = self.pool.begin().await.map_err(self.error(operation))?;
        let numbers: Vec<i32> = lanes.iter().map(|lane| lane.number).collect();
        let rows = sqlx::query(self.sql.held(&numbers)).bind(relay.to_string()).fetch_all(&mut *transaction).await;
        let mut held = 0;
        for row in rows.map_err(self.error(operation))? {
            let is_own: bool = row.try_get("is_own").map_err(self.error(operation))?;
            held += usize::from(is_own && lanes.contains(&lane(&row).map_err(self.error(operation))?));
        }
        Ok((held == lanes.len()).then_some(transaction))
    }

    async fn delete_old(&self, sql: &SqlStr, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
        let microseconds = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let done = sqlx::query(sql.clone()).bind(microseconds).bind(limit).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    async fn repair(&self, sql: SqlStr, operation: &'static str) -> Result<u64, EventError> {
        let done = sqlx::query(sql).persistent(false).execute(&self.pool).await.map_err(self.error(operation))?;
        Ok(done.rows_affected())
    }

    async fn try_stand(
        &self,
        connection: &mut MySqlConnection,
        relay: &str,
        lease: i64,
        look: Option<&MySqlPosition>,
    ) -> Result<Holding, sqlx::Error> {
        let mut transaction = connection.begin().await?;
        let rows = sqlx::query(self.sql.lanes.clone()).bind(relay).fetch_all(&mut *transaction).await?;
        sqlx::query(self.sql.register.clone()).bind(relay).bind(lease).execute(&mut *transaction).await?;
        let crowd = sqlx::query(self.sql.crowd.clone()).fetch_one(&mut *transaction).await?;
        if crowd.try_get("has_old")? {
            sqlx::query(self.sql.sweep_relays.clone()).execute(&mut *transaction).await?;
        }
        let share = usize::try_from(share(crowd.try_get("relays")?)).unwrap_or_default();

        let (mut own, mut free, mut next_expiry) = (Vec::new(), Vec::new(), None);
        for row in &rows {
            let lane = lane(row)?;
            if row.try_get("is_own")? {
                own.push(lane);
            } else if row.try_get("is_free")? {
                // The term that it is about to get.
                free.push(Lane { term: lane.term + 1, ..lane });
            } else {
                let lease = Duration::from_millis(count(row.try_get("lease")?));
                next_expiry = Some(next_expiry.map_or(lease, |next: Duration| next.min(lease)));
            }
        }
        let surplus = own.len().saturating_sub(share);
        let taken = share.saturating_sub(own.len());
        let mut lanes = own;
        lanes.extend(free.into_iter().take(taken));
        lanes.sort_unstable();
        sqlx::query(self.sql.hold.clone())
            .bind(relay)
            .bind(relay)
            .bind(lease)
            .bind(set(&lanes))
            .execute(&mut *transaction)
            .await?;
        let has_news = match look {
            Some(position) => {
                let is_behind = sqlx::query_scalar(self.sql.has_news.clone()).bind(position.cursor());
                is_behind.fetch_one(&mut *transaction).await? || !position.gaps().is_empty()
            }
            None => false,
        };
        transaction.commit().await?;
        Ok(Holding { lanes, marks: Vec::new(), surplus, next_expiry, has_news })
    }

    pub(super) fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }
}

/// `ER_OPTION_PREVENTS_STATEMENT` (of `read_only`), `ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION`, `ER_READ_ONLY_MODE`
fn is_read_only(error: &sqlx::Error) -> bool {
    number(error).is_some_and(|number| [1290, 1792, 1836].contains(&number))
}

fn lane(row: &MySqlRow) -> Result<Lane, sqlx::Error> {
    Ok(Lane { number: row.try_get("lane")?, term: row.try_get("term")? })
}

/// Lanes as `FIND_IN_SET` takes them.
fn set(lanes: &[Lane]) -> String {
    lanes.iter().map(|lane| lane.number.to_string()).collect::<Vec<_>>().join(",")
}

impl Store for MySqlStore {
    type Position = MySqlPosition;

    async fn validate(&self) -> Result<(), EventError> {
        for statement in &self.sql.validate {
            let checked = sqlx::query(statement.clone()).persistent(false).execute(&self.pool).await;
            checked.map_err(self.error("be looked at"))?;
        }
        Ok(())
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat, look: Option<&MySqlPosition>) -> Result<Holding, EventError> {
        let operation = "renew the leases";
        let mut connection = self.pool.acquire().await.map_err(self.error(operation))?;
        let standing =
            self.try_stand(&mut connection, &heartbeat.relay.to_string(), milliseconds(heartbeat.lease), look).await;
        if standing.as_ref().is_err_and(is_read_only) {
            // To a server that was failed over from: the pool would keep it for as long as it lives.
            connection.close_on_drop();
        }
        standing.map_err(self.error(operation))
    }

    async fn listen(&self, _: &Wake) -> Result<(), EventError> {
        std::future::pending().await
    }

    async fn release(&self, relay: Uuid, lanes: &[Lane], _: Option<&str>) -> Result<(), EventError> {
        let operation = "give lanes back";
        let Some(mut transaction) = self.begin_under(relay, lanes, operation).await? else { return Ok(()) };
        sqlx::query(self.sql.release.clone())
            .bind(relay.to_string())
            .bind(set(lanes))
            .execute(&mut *transaction)
            .await
            .map_err(self.error(operation))?;
        transaction.commit().await.map_err(self.error(operation))
    }

    async fn leave(&self, relay: Uuid) -> Result<(), EventError> {
        let operation = "give the lanes back";
        let mut transaction = self.pool.begin().await.map_err(self.error(operation))?;
        for statement in [&self.sql.release_all, &self.sql.unregister] {
            sqlx::query(statement.clone())
                .bind(relay.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(self.error(operation))?;
        }
        transaction.commit().await.map_err(self.error(operation))
    }

    async fn fetch(
        &self,
        position: &mut MySqlPosition,
        lanes: &[Lane],
        limit: i64,
        bytes: i64,
    ) -> Result<Page, EventError> {
        let operation = "read the backlog";
        self.narrow(position).await.map_err(self.error(operation))?;
        let gaps = position.gaps();
        let (limit, longest) = (span(limit, lanes), longest(bytes, limit, lanes));
        let rows = sqlx::query(self.sql.fetch(&gaps))
            .bind(set(lanes))
            .bind(longest)
            .bind(set(lanes))
            .bind(longest)
            .bind(position.cursor())
            .bind(limit)
            .persistent(gaps.is_empty())
            .fetch_all(&self.pool)
            .await
            .map_err(self.error(operation))?;
        let (mut late, mut next) = (Vec::new(), Vec::new());
        for row in rows {
            let seq: i64 = row.try_get("seq").map_err(self.error(operation))?;
            let is_late = row.try_get("is_late").map_err(self.error(operation))?;
            if is_late { &mut late } else { &mut next }.push((seq, row));
        }
        // A union has no order, whatever its parts have.
        late.sort_unstable_by_key(|(seq, _)| *seq);
        next.sort_unstable_by_key(|(seq, _)| *seq);
        let seqs = |rows: &[(i64, MySqlRow)]| rows.iter().map(|(seq, _)| *seq).collect::<Vec<i64>>();
        position.advance(&seqs(&late), &seqs(&next), Instant::now());
        let is_full = i64::try_from(next.len()) == Ok(limit);
        let is_whole =
            |row: &MySqlRow| row.try_get::<Option<&str>, _>("headers").is_ok_and(|headers| headers.is_some());
        let (whole, numbers): (Vec<&MySqlRow>, Vec<&MySqlRow>) =
            late.iter().chain(&next).map(|(_, row)| row).partition(|row| is_whole(row));
        let mut page = self.page(whole, is_full)?;
        for row in numbers {
            let number = lane_of(row.try_get("key_hash").map_err(self.error(operation))?);
            if lanes.iter().any(|lane| lane.number == number) {
                page.numbers.push(rows::number(row).map_err(self.error(operation))?);
            }
        }
        Ok(page)
    }

    async fn load(&self, seqs: &[i64]) -> Result<Page, EventError> {
        let mut rows = Vec::new();
        for some in seqs.chunks(LONGEST_LIST) {
            let loaded = sqlx::query(self.sql.load(some)).persistent(false).fetch_all(&self.pool).await;
            rows.extend(loaded.map_err(self.error("read the backlog"))?);
        }
        self.page(&rows, false)
    }

    async fn first_between(&self, _: i64, _: i64) -> Result<Option<i64>, EventError> {
        Ok(None)
    }

    async fn settle(&self, relay: Uuid, lanes: &[Lane], rows: &[RowId], keep: bool) -> Result<Settled, EventError> {
        let operation = "settle delivered events";
        let Some(mut transaction) = self.begin_under(relay, lanes, operation).await? else {
            return Ok(Settled::Lost);
        };
        let mut settled = 0;
        for some in rows.chunks(LONGEST_LIST) {
            let kept = keep.then(|| self.sql.keep_delivered(some));
            let mut deleted = 0;
            for statement in kept.into_iter().chain([self.sql.delete_delivered(some)]) {
                let done = sqlx::query(statement).persistent(false).execute(&mut *transaction).await;
                deleted = done.map_err(self.error(operation))?.rows_affected();
            }
            settled += deleted;
        }
        sqlx::query(self.sql.count_published.clone())
            .bind(settled)
            .bind(lanes.first().map(|lane| lane.number))
            .execute(&mut *transaction)
            .await
            .map_err(self.error(operation))?;
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(Settled::Except(Vec::new()))
    }

    async fn judge(&self, relay: Uuid, lanes: &[Lane], refused: &[Refused]) -> Result<Settled, EventError> {
        let operation = "write refusals down";
        let Some(mut transaction) = self.begin_under(relay, lanes, operation).await? else { return Ok(Settled::Lost) };
        for refused in refused {
            let statements: &[&SqlStr] =
                if refused.is_buried { &[&self.sql.bury, &self.sql.delete_buried] } else { &[&self.sql.refuse] };
            for &statement in statements {
                sqlx::query(statement.clone())
                    .bind(refused.attempts)
                    .bind(&refused.reason)
                    .bind(refused.row.seq)
                    .bind(refused.row.event_id.to_string())
                    .execute(&mut *transaction)
                    .await
                    .map_err(self.error(operation))?;
            }
        }
        transaction.commit().await.map_err(self.error(operation))?;
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
            .bind(id.to_string())
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(self.error("list the dead letters"))?;
        rows.iter().map(rows::dead_letter).collect()
    }

    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, EventError> {
        let row = sqlx::query(self.sql.dead_letter.clone()).bind(id.to_string()).fetch_optional(&self.pool).await;
        row.map_err(self.error("look for a dead letter"))?.as_ref().map(rows::dead_letter).transpose()
    }

    async fn relays(&self) -> Result<Vec<RelayStatus>, EventError> {
        let operation = "list the relays";
        let rows = sqlx::query(self.sql.relays.clone()).fetch_all(&self.pool).await.map_err(self.error(operation))?;
        let relays = rows.iter().map(rows::relay).collect::<Result<Vec<_>, _>>();
        Ok(RelayStatus::gather(relays.map_err(self.error(operation))?))
    }

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let operation = "requeue dead letters";
        let mut transaction = self.pool.begin().await.map_err(self.error(operation))?;
        let mut requeued = 0;
        // The lock comes first: two that bring back the same ones must not both copy them.
        for statement in [self.sql.lock_dead(ids), self.sql.requeue(ids), self.sql.delete_requeued(ids)] {
            let done = sqlx::query(statement).persistent(false).execute(&mut *transaction).await;
            requeued = done.map_err(self.error(operation))?.rows_affected();
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(requeued)
    }

    async fn discard(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        self.repair(self.sql.discard(ids), "discard dead letters").await
    }

    async fn cleanup(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.cleanup, age, limit).await.map_err(self.error("clean up"))
    }

    async fn forget(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.forget, age, limit).await.map_err(self.error("forget delivered events"))
    }

    async fn redact(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        self.repair(self.sql.redact(ids), "empty dead letters").await
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

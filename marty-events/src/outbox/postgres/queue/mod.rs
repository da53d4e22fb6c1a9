//! The relay's half of the outbox: each statement with its parameters and its answer.

mod fetch;
mod heartbeat;
mod settle;
mod statements;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    Execute, PgPool, Postgres, Row, SqlStr,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use self::statements::Statements;
pub(super) use self::statements::counted;
use super::{
    listen,
    position::PostgresPosition,
    rows,
    session::{Session, is_spoilt},
};
use crate::{
    EventError,
    outbox::{
        Link, OutboxStats, OutboxTable, Quotes, RowId,
        lanes::{Lane, Portion},
        queue::{Heartbeat, Holding, Page, Queue, Refused, Settled, database_error, milliseconds},
        rights::{Lacking, grants},
        row::count,
        rows::AnswerRow,
        wake::Wake,
    },
};

/// The outbox in a PostgreSQL database.
#[derive(Debug, Clone)]
pub(crate) struct PostgresStore {
    pub(super) pool: PgPool,
    pub(super) table: OutboxTable,
    pub(super) sql: Arc<Statements>,
    pub(super) held: Arc<Mutex<(Uuid, Vec<Lane>)>>,
    pub(super) session: Session,
}

/// The suffixes of the tables that a relay uses.
const TABLES: [&str; 5] = ["", "_dead_letters", "_published", "_relays", "_lanes"];

/// The user, and its missing rights on each table that a relay needs.
const FORBIDDEN: &str = "
    SELECT quote_ident(current_user), name, string_agg(privilege, ', ' ORDER BY number)
    FROM unnest($1::text[]) WITH ORDINALITY AS of (name, place),
        unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) WITH ORDINALITY AS needed (privilege, number)
    WHERE NOT has_table_privilege(name, privilege) GROUP BY name, place ORDER BY place";

/// The user, if the schema is closed to it: then the database tells nothing about the tables.
const CLOSED: &str = "
    SELECT quote_ident(current_user), quote_ident(nspname) FROM pg_namespace
    WHERE nspname = $1 AND NOT has_schema_privilege(oid, 'USAGE')";

impl PostgresStore {
    pub(crate) fn new(pool: PgPool, table: OutboxTable) -> Self {
        let sql = Arc::new(Statements::new(&table));
        Self { pool, table, sql, held: Arc::default(), session: Session::default() }
    }

    /// The names of the tables that a relay uses.
    pub(super) fn tables(&self) -> Vec<String> {
        TABLES.iter().map(|suffix| Quotes::Double.quoted(&self.table, suffix)).collect()
    }

    /// The user and the statements that give it its missing rights.
    async fn missing_rights(&self, tables: &[String]) -> Result<Option<(String, String)>, sqlx::Error> {
        if let Some(schema) = self.table.schema()
            && let Some(closed) = self.rows(sqlx::query(CLOSED).bind(schema)).await?.first()
        {
            let (user, schema): (String, String) = (closed.try_get(0)?, closed.try_get(1)?);
            let rights = "SELECT, INSERT, UPDATE, DELETE".to_owned();
            let all = grants(&[Lacking { table: tables.join(", "), rights }], &user);
            let grant = format!("GRANT USAGE ON SCHEMA {schema} TO {user}; {all}");
            return Ok(Some((user, grant)));
        }
        let mut found: Vec<Lacking> = Vec::new();
        let rows = self.rows(sqlx::query(FORBIDDEN).bind(tables)).await?;
        for row in &rows {
            let (table, rights): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            match found.last_mut() {
                // One statement takes all tables with the same rights.
                Some(last) if last.rights == rights => last.table.extend([", ", &table]),
                _ => found.push(Lacking { table, rights }),
            }
        }
        let Some(row) = rows.first() else { return Ok(None) };
        let user: String = row.try_get(0)?;
        let grant = grants(&found, &user);
        Ok(Some((user, grant)))
    }

    /// The lanes of the last heartbeat that was answered: what the relay's mark is true of.
    pub(super) fn known(&self, relay: Uuid) -> Vec<Lane> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 == relay { held.1.clone() } else { Vec::new() }
    }

    pub(super) fn remember(&self, relay: Uuid, lanes: &[Lane]) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = (relay, lanes.to_vec());
    }

    pub(super) async fn row(&self, query: Query<'_, Postgres, PgArguments>) -> Result<PgRow, sqlx::Error> {
        self.rows(query).await?.into_iter().next().ok_or(sqlx::Error::RowNotFound)
    }

    /// On a connection that is closed at once where nobody waits for the answer any more, or where it leads to a server that was failed
    /// over from: the pool would keep that for as long as it lives.
    pub(super) async fn rows(&self, mut query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
        let sql = query.sql();
        let mut link = self.session.take(&self.pool).await?;
        if self.session.runs_alone() {
            let rows = sqlx::query_with(sql.clone(), arguments.clone()).fetch_all(&mut *link).await;
            let rows = link.end(rows, is_spoilt);
            if !self.session.learns_from(&rows) {
                return rows;
            }
            link = self.session.take(&self.pool).await?;
        }
        let rows = in_transaction(&mut link, sqlx::query_with(sql, arguments)).await;
        link.end(rows, is_spoilt)
    }

    /// The number of rows that a statement has changed, by its own answer.
    pub(super) async fn changed(&self, query: Query<'_, Postgres, PgArguments>) -> Result<u64, sqlx::Error> {
        self.row(query).await?.try_get(0).map(count)
    }

    async fn delete_old(&self, sql: &SqlStr, age: Duration, limit: i64) -> Result<u64, sqlx::Error> {
        self.changed(sqlx::query(sql.clone()).bind(milliseconds(age)).bind(limit)).await
    }

    pub(super) fn error(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> EventError + use<'_> {
        move |error| database_error(operation, &self.table, error)
    }
}

async fn in_transaction(
    link: &mut Link<Postgres>,
    query: Query<'_, Postgres, PgArguments>,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let mut transaction = Session::begin(link).await?;
    let rows = query.persistent(false).fetch_all(&mut *transaction).await?;
    transaction.commit().await.map(|()| rows)
}

/// Lanes as a set of bits.
pub(super) fn set(lanes: &[Lane]) -> i32 {
    lanes.iter().fold(0, |set, lane| set | 1 << (lane.number - 1))
}

/// Lanes as two arrays: numbers and terms.
pub(super) fn arrays(lanes: &[Lane]) -> (Vec<i32>, Vec<i64>) {
    lanes.iter().map(|lane| (lane.number, lane.term)).unzip()
}

impl Queue for PostgresStore {
    type Position = PostgresPosition;

    fn with_own_pool(self) -> Self {
        Self { session: Session::marked(&self.pool), ..self }
    }

    async fn validate(&self) -> Result<(), EventError> {
        let operation = "be looked at";
        self.session.look(&self.pool).await.map_err(self.error(operation))?;
        let tables = self.tables();
        if let Some((user, grant)) = self.missing_rights(&tables).await.map_err(self.error(operation))? {
            return Err(EventError::OutboxForbidden { user, grant });
        }
        self.rows(sqlx::query(self.sql.columns.clone())).await.map_err(self.error(operation))?;
        let cached = self.rows(sqlx::query(self.sql.sequences.clone())).await.map_err(self.error(operation))?;
        if let Some(row) = cached.first() {
            let sequence = row.try_get(0).map_err(self.error(operation))?;
            let cache = row.try_get(1).map_err(self.error(operation))?;
            return Err(EventError::CachedSequence { table: self.table.to_string(), sequence, cache });
        }
        self.fits(&tables).await?;
        self.warn().await.map_err(self.error(operation))
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat, look: Option<&PostgresPosition>) -> Result<Holding, EventError> {
        self.beat(heartbeat, look).await.map_err(self.error("renew the leases"))
    }

    async fn listen(&self, wake: &Wake) -> Result<(), EventError> {
        listen::listen(self.session.unmarked(&self.pool), &self.table, wake).await.map_err(self.error("listen"))
    }

    async fn release(&self, relay: Uuid, lanes: &[Lane], mark: Option<&str>) -> Result<(), EventError> {
        self.give_back(relay, lanes, mark).await
    }

    async fn leave(&self, relay: Uuid) -> Result<(), EventError> {
        let query = sqlx::query(self.sql.leave.clone()).bind(relay);
        self.row(query).await.map(drop).map_err(self.error("give the lanes back"))
    }

    async fn fetch(&self, position: &mut PostgresPosition, portion: Portion<'_>) -> Result<Page, EventError> {
        self.page(position, portion).await
    }

    async fn reread(
        &self,
        position: &PostgresPosition,
        range: (i64, i64),
        portion: Portion<'_>,
    ) -> Result<Page, EventError> {
        self.page_again(position, range, portion).await
    }

    async fn load(&self, seqs: &[i64]) -> Result<Page, EventError> {
        let query = sqlx::query(self.sql.load.clone()).bind(seqs);
        let rows = self.rows(query).await.map_err(self.error("read the backlog"))?;
        let (mut page, mut records) = (Page::default(), rows::Records::new(0, &[]));
        for row in &rows {
            records.take_in(&mut page, row).map_err(self.error("read a row"))?;
        }
        Ok(page)
    }

    async fn first_between(&self, from: i64, to: i64) -> Result<Option<i64>, EventError> {
        let operation = "read the backlog";
        let query = sqlx::query(self.sql.first_between.clone()).bind(from).bind(to);
        let rows = self.rows(query).await.map_err(self.error(operation))?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(self.error(operation))
    }

    async fn settle(&self, relay: Uuid, lanes: &[Lane], rows: &[RowId], keep: bool) -> Result<Settled, EventError> {
        self.remove(relay, lanes, rows, keep).await.map_err(self.error("settle delivered events"))
    }

    async fn judge(&self, relay: Uuid, lanes: &[Lane], refused: &[Refused]) -> Result<Settled, EventError> {
        self.judged(relay, lanes, refused).await.map_err(self.error("write refusals down"))
    }

    async fn cleanup(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.cleanup, age, limit).await.map_err(self.error("clean up"))
    }

    async fn forget(&self, age: Duration, limit: i64) -> Result<u64, EventError> {
        self.delete_old(&self.sql.forget, age, limit).await.map_err(self.error("forget delivered events"))
    }

    async fn stats(&self) -> Result<OutboxStats, EventError> {
        let error = "count the events";
        let row = self.row(sqlx::query(self.sql.stats.clone())).await.map_err(self.error(error))?;
        row.stats()
    }
}

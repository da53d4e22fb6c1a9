//! The check that the tables can serve, by the database's catalogue.

use sqlx::{Row, postgres::PgRow};

use super::{
    super::{
        fault::{hidden, unfit},
        table::statement,
    },
    PostgresInbox,
};
use crate::{
    EventError,
    database::{Quotes, UNFIT},
};

const OPERATION: &str = "be looked at";

/// Asks for every column and every right that a consumer needs, and changes nothing.
const VALIDATE: &str = "
    SELECT consumer_group, event_id, taken_at FROM {inbox} WHERE false;
    SELECT id, consumer_group, event_id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers, value,
        encoding, attempts, state, due_at, reason, parked_at, died_at FROM {parked} WHERE false FOR UPDATE;
    INSERT INTO {inbox} (consumer_group, event_id) SELECT '', '' WHERE false;
    SELECT FROM {inbox} WHERE false FOR UPDATE;
    DELETE FROM {inbox} WHERE false;
    INSERT INTO {parked} (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, headers)
        SELECT '', '', '', '', 0, 0, '' WHERE false;
    UPDATE {parked} SET due_at = NULL WHERE false;
    DELETE FROM {parked} WHERE false";

/// A trigger that runs before an insert can leave the row out, which looks like an event that was taken before.
const WEAK: &str = "
    SELECT oid::regclass::text AS place, relpersistence = 'u' AS is_unlogged,
        EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgtype & 3 = 3 AND NOT tgisinternal AND tgenabled <> 'D')
            AS has_trigger,
        EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisunique AND indisvalid AND indpred IS NULL
            AND indnkeyatts = 2) AS has_key
    FROM pg_class WHERE oid = ANY ($1::text[]::regclass[]) ORDER BY relname";

impl PostgresInbox {
    pub(super) async fn fits(&self) -> Result<(), EventError> {
        let sql = statement(Quotes::Double, VALIDATE, self.table.name());
        // As the events' transactions: the session may be read-only unless they say otherwise.
        let mut transaction = self.pool.begin_with(super::BEGIN).await.map_err(self.error(OPERATION))?;
        sqlx::raw_sql(sql).execute(&mut *transaction).await.map_err(self.error(OPERATION))?;
        transaction.rollback().await.map_err(self.error(OPERATION))?;
        let tables = ["", "_parked"].map(|suffix| Quotes::Double.quoted(self.table.name(), suffix));
        for row in self.look(UNFIT, &tables).await? {
            let table: String = row.try_get("place").map_err(self.error(OPERATION))?;
            let is = |column: &str| row.try_get::<bool, _>(column).map_err(self.error(OPERATION));
            if !is("is_table")? {
                return Err(unfit(table, "it is not a table", "name the table itself, with its schema"));
            }
            if is("has_rule")? {
                return Err(unfit(table, "a rule rewrites what is written to it", "let its owner run `DROP RULE`"));
            }
            if is("is_hidden")? {
                return Err(hidden(table));
            }
        }
        for row in self.look(WEAK, &tables).await? {
            let table: String = row.try_get("place").map_err(self.error(OPERATION))?;
            let is = |column: &str| row.try_get::<bool, _>(column).map_err(self.error(OPERATION));
            if is("has_trigger")? {
                let problem = "a trigger runs before its rows are written, and could leave them out";
                return Err(unfit(
                    table,
                    problem,
                    "let its owner run `DROP TRIGGER`, or make it one that runs `AFTER`",
                ));
            }
            if is("is_unlogged")? {
                let advice = format!("run `ALTER TABLE {table} SET LOGGED`");
                return Err(unfit(table, "it is UNLOGGED: a crash of the database empties it", advice));
            }
            if !is("has_key")? {
                let problem = "it has no unique key of group and event, by which an event that comes again is known";
                return Err(unfit(table, problem, "make the tables with `marty_events::inbox::migrate`"));
            }
        }
        Ok(())
    }

    async fn look(&self, sql: &'static str, tables: &[String]) -> Result<Vec<PgRow>, EventError> {
        sqlx::query(sql).bind(tables).fetch_all(&self.pool).await.map_err(self.error(OPERATION))
    }
}

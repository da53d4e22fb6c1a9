//! The check that the tables can serve, by the database's catalogue and the server's settings.

use sqlx::Row;

use super::{
    super::queue::{has_all_lanes, hidden, unfit},
    queue::PostgresStore,
};
use crate::{EventError, database::UNFIT};

/// Settings of the server and of the tables that weaken a promise, each with its number.
const WEAK: &str = "
    SELECT current_setting('synchronous_commit') = 'off', pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
        EXISTS (SELECT FROM pg_class WHERE oid = ANY($1::text[]::regclass[]) AND relpersistence = 'u'),
        EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ANY($1::text[]::regclass[]) AND tgtype & 3 = 3 AND NOT tgisinternal
            AND tgenabled <> 'D')";

/// In the order of [`WEAK`]. A relay knows nothing of a crash of a server whose commits do not wait for the disk.
const CAUTIONS: [&str; 4] = [
    "`synchronous_commit` is off: a crash of the database can undo a transaction whose events were delivered",
    "the server or this user's transactions are read-only: a relay waits until it may write",
    "a table of the outbox is UNLOGGED: a crash of the database empties it; run `ALTER TABLE .. SET LOGGED`",
    "a trigger runs before rows of the outbox are written or deleted: where it answers NULL, events are refused or never leave",
];

impl PostgresStore {
    /// Fails unless every one of the tables can serve this user.
    pub(super) async fn fits(&self, tables: &[String]) -> Result<(), EventError> {
        let operation = "be looked at";
        for row in self.rows(sqlx::query(UNFIT).bind(tables)).await.map_err(self.error(operation))? {
            let is = |column: &str| row.try_get::<bool, _>(column).map_err(self.error(operation));
            let table: String = row.try_get("place").map_err(self.error(operation))?;
            if !is("is_table")? {
                let advice = "name the table itself (EVENT_OUTBOX_TABLE), with its schema";
                return Err(unfit(table, "it is not a table", advice));
            }
            if is("has_rule")? {
                return Err(unfit(table, "a rule rewrites what is written to it", "let its owner run `DROP RULE`"));
            }
            if is("is_hidden")? {
                return Err(hidden(table));
            }
        }
        let lanes: i64 = self
            .row(sqlx::query(self.sql.lanes.clone()))
            .await
            .and_then(|row| row.try_get(0))
            .map_err(self.error(operation))?;
        has_all_lanes(lanes, &self.table)
    }

    /// Sentences on what weakens a promise.
    pub(super) async fn weaknesses(&self) -> Result<Vec<&'static str>, sqlx::Error> {
        let row = self.row(sqlx::query(WEAK).bind(self.tables())).await?;
        let mut found = Vec::new();
        for (place, caution) in CAUTIONS.into_iter().enumerate() {
            if row.try_get(place)? {
                found.push(caution);
            }
        }
        Ok(found)
    }

    /// Writes them into the log.
    pub(super) async fn warn(&self) -> Result<(), sqlx::Error> {
        for caution in self.weaknesses().await? {
            tracing::warn!("{caution}");
        }
        Ok(())
    }
}

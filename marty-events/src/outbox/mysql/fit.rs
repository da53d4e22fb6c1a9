//! The check that the tables can serve, by the database's catalogue.

use sqlx::Row;

use super::{
    super::queue::{has_all_lanes, unfit},
    queue::MySqlStore,
    statements::statement,
    work,
};
use crate::EventError;

const TABLES: [&str; 6] = ["", "_dead_letters", "_published", "_relays", "_lanes", "_order_locks"];

impl MySqlStore {
    /// Refuses what is not a table, and a table whose engine knows no transactions: its rows are there before the commit, and stay after a
    /// rollback.
    pub(super) async fn fits(&self) -> Result<(), EventError> {
        let operation = "be looked at";
        let names = TABLES.map(|suffix| format!("'{}{suffix}'", self.table.name())).join(", ");
        let schema = self.table.schema().map_or_else(|| "database()".to_owned(), |schema| format!("'{schema}'"));
        let sql = format!(
            "SELECT table_name AS name, table_type AS kind, coalesce(engine, '') AS engine
            FROM information_schema.tables WHERE table_schema = {schema} AND table_name IN ({names})"
        );
        for row in work::rows(&self.pool, statement(&sql, &self.table)).await.map_err(self.error(operation))? {
            let text = |column: &str| row.try_get::<String, _>(column).map_err(self.error(operation));
            let (table, kind, engine) = (text("name")?, text("kind")?, text("engine")?);
            if kind.ends_with("VIEW") {
                let advice = "name the table itself (EVENT_OUTBOX_TABLE), with its database";
                return Err(unfit(table, "it is not a table", advice));
            }
            if !engine.eq_ignore_ascii_case("InnoDB") {
                let advice = "run `ALTER TABLE .. ENGINE = InnoDB`";
                return Err(unfit(table, format!("its engine is {engine}"), advice));
            }
        }
        Ok(())
    }

    /// Fails unless all the lanes are there.
    pub(super) async fn has_lanes(&self) -> Result<(), EventError> {
        let sql = statement("SELECT count(*) AS lanes FROM {lanes} WHERE lane BETWEEN 1 AND 16", &self.table);
        let rows = work::rows(&self.pool, sql).await;
        let lanes = rows.and_then(|rows| rows.first().map_or(Ok(0), |row| row.try_get("lanes")));
        has_all_lanes(lanes.map_err(self.error("be looked at"))?, &self.table)
    }
}

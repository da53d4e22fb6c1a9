//! The check that the tables can serve, by the schema.

use super::{
    super::queue::{has_all_lanes, unfit},
    queue::SqliteStore,
};
use crate::EventError;

const OF_THE_OUTBOX: &str = "lower({name}) IN (lower(?1), lower(?1 || '_dead_letters'), lower(?1 || '_published'),
    lower(?1 || '_relays'), lower(?1 || '_lanes'))";

/// A trigger that leaves out what it is about to write.
const IGNORES: &str =
    "a trigger of the outbox may ignore what is written or deleted: events are refused, or never leave";

impl SqliteStore {
    /// Refuses a view in place of a table, and an outbox without its lanes.
    pub(super) async fn fits(&self) -> Result<(), EventError> {
        let operation = "be looked at";
        let sql = self.of_schema("SELECT name FROM {schema} WHERE type = 'view' AND {is_own} LIMIT 1", "name");
        let view: Option<String> = sqlx::query_scalar(sql)
            .bind(self.table.name())
            .fetch_optional(&self.pool)
            .await
            .map_err(self.error(operation))?;
        if let Some(table) = view {
            return Err(unfit(table, "it is not a table", "name the table itself (EVENT_OUTBOX_TABLE)"));
        }
        let lanes = self.inspecting("SELECT count(*) FROM {lanes} WHERE lane BETWEEN 1 AND 16");
        let lanes = sqlx::query_scalar(lanes).fetch_one(&self.pool).await.map_err(self.error(operation))?;
        has_all_lanes(lanes, &self.table)
    }

    pub(super) async fn weaknesses(&self) -> Result<Vec<&'static str>, sqlx::Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM {schema} WHERE type = 'trigger' AND {is_own} AND lower(sql) LIKE '%raise%ignore%')";
        let ignores = sqlx::query_scalar(self.of_schema(sql, "tbl_name")).bind(self.table.name());
        Ok(ignores.fetch_one(&self.pool).await.map(|ignores: bool| ignores.then_some(IGNORES))?.into_iter().collect())
    }

    fn of_schema(&self, template: &str, name: &str) -> sqlx::SqlStr {
        let schema = format!("\"{}\".sqlite_master", self.table.schema().unwrap_or("main"));
        let is_own = OF_THE_OUTBOX.replace("{name}", name);
        self.inspecting(&template.replace("{schema}", &schema).replace("{is_own}", &is_own))
    }
}

//! The check that the tables can serve, by the schema.

use super::{super::fault::unfit, SqliteInbox};
use crate::EventError;

const VALIDATE: &str = "
    SELECT consumer_group, event_id, taken_at FROM {inbox} WHERE false;
    SELECT id, consumer_group, event_id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers, value,
        encoding, attempts, state, due_at, reason, parked_at, died_at FROM {parked} WHERE false";

/// A view in a table's place, or a trigger that leaves out the row that is about to be written: that looks like an event that was taken
/// before.
const UNFIT: &str = "
    SELECT type, name FROM {schema} WHERE (type = 'view' AND lower(name) IN (lower(?1), lower(?1 || '_parked')))
        OR (type = 'trigger' AND lower(tbl_name) IN (lower(?1), lower(?1 || '_parked')) AND lower(sql) LIKE '%raise%ignore%')
    LIMIT 1";

impl SqliteInbox {
    pub(super) async fn fits(&self) -> Result<(), EventError> {
        let operation = "be looked at";
        sqlx::raw_sql(self.sql(VALIDATE)).execute(&self.pool).await.map_err(self.error(operation))?;
        let table = self.table.name();
        let schema = format!("\"{}\".sqlite_master", table.schema().unwrap_or("main"));
        let found: Option<(String, String)> = sqlx::query_as(self.sql(&UNFIT.replace("{schema}", &schema)))
            .bind(table.name())
            .fetch_optional(&self.pool)
            .await
            .map_err(self.error(operation))?;
        match found {
            Some((kind, name)) if kind == "view" => Err(unfit(name, "it is not a table", "name the table itself")),
            Some((_, name)) => {
                let problem = format!("its trigger `{name}` may ignore what is written");
                Err(unfit(self.table.to_string(), problem, format!("run `DROP TRIGGER {name}`")))
            }
            None => Ok(()),
        }
    }
}

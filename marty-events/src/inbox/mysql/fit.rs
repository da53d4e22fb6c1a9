//! The check that the tables can serve, by the database's catalogue.

use sqlx::Row;

use super::{
    super::fault::{maybe_missing, unfit},
    BEGIN, MySqlInbox,
};
use crate::EventError;

/// Asks for every column and every right that a consumer needs, and changes nothing.
const VALIDATE: &str = "
    SELECT consumer_group, event_id, taken_at, is_again FROM {inbox} FORCE INDEX (taken_at) WHERE FALSE;
    SELECT id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers, value, encoding, attempts, state,
        due_at, reason, parked_at, died_at FROM {parked} FORCE INDEX (key_order, due) WHERE FALSE FOR UPDATE;
    INSERT INTO {inbox} (consumer_group, event_id) SELECT '', '' FROM {inbox} WHERE FALSE ON DUPLICATE KEY UPDATE is_again = TRUE;
    DELETE FROM {inbox} WHERE FALSE;
    INSERT INTO {parked} SELECT * FROM {parked} WHERE FALSE;
    UPDATE {parked} SET due_at = NULL WHERE FALSE;
    DELETE FROM {parked} WHERE FALSE";

/// `'app'@'%'`, as a statement names this user.
const ACCOUNT: &str = "
    SELECT concat(quote(left(name, char_length(name) - char_length(host) - 1)), '@', quote(host))
    FROM (SELECT current_user() AS name, substring_index(current_user(), '@', -1) AS host) AS account";

impl MySqlInbox {
    /// The error of the check, with the statements that this user's rights come from.
    async fn with_account(&self, error: EventError) -> EventError {
        if !matches!(error, EventError::InboxForbidden { .. }) {
            return error;
        }
        match sqlx::query_scalar::<_, String>(ACCOUNT).fetch_one(&self.pool).await {
            Ok(account) => maybe_missing(&self.table, account.clone(), &account),
            Err(_) => error,
        }
    }

    /// Refuses a view in a table's place, and a table whose engine knows no transactions.
    pub(super) async fn fits(&self) -> Result<(), EventError> {
        let operation = "be looked at";
        let mut transaction = self.pool.begin_with(BEGIN).await.map_err(self.error(operation))?;
        let table = self.table.name();
        let schema = table.schema().map_or_else(|| "database()".to_owned(), |schema| format!("'{schema}'"));
        let sql = format!(
            "SELECT table_name AS name, table_type AS kind, coalesce(engine, '') AS engine
            FROM information_schema.tables WHERE table_schema = {schema} AND table_name IN ('{0}', '{0}_parked')",
            table.name()
        );
        let rows = sqlx::raw_sql(self.sql(&sql)).fetch_all(&mut *transaction).await.map_err(self.error(operation))?;
        for row in rows {
            let text = |column: &str| row.try_get::<String, _>(column).map_err(self.error(operation));
            let (table, kind, engine) = (text("name")?, text("kind")?, text("engine")?);
            if kind.ends_with("VIEW") {
                return Err(unfit(table, "it is not a table", "name the table itself, with its database"));
            }
            if !engine.eq_ignore_ascii_case("InnoDB") {
                let advice = format!("run `ALTER TABLE {table} ENGINE = InnoDB`");
                return Err(unfit(table, format!("its engine is {engine}"), advice));
            }
        }
        if let Err(error) = sqlx::raw_sql(self.sql(VALIDATE)).execute(&mut *transaction).await {
            drop(transaction);
            return Err(self.with_account(self.error(operation)(error)).await);
        }
        transaction.rollback().await.map_err(self.error(operation))
    }
}

use sqlx::mysql::MySqlRow;
use uuid::Uuid;

use super::{
    super::{
        inspect::{Inspect, REVIVED, Value, with_parts},
        rows::{EVENT, PARTS},
    },
    queue::MySqlStore,
    server,
    statements::{quoted, statement},
    work,
};
use crate::EventError;

/// The default collations take `a` for `A`, which Kafka does not.
const COLUMNS: [(&str, &str); 5] = [
    ("{topic}", "CAST(topic AS BINARY)"),
    ("{event_type}", "CAST(event_type AS BINARY)"),
    ("{reason}", "CAST(reason AS BINARY)"),
    ("{record_key}", "CAST(record_key AS BINARY)"),
    ("{ordering_key}", "CAST(ordering_key AS BINARY)"),
];

impl Inspect for MySqlStore {
    type Row = MySqlRow;

    async fn look(
        &self,
        operation: &'static str,
        text: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<MySqlRow>, EventError> {
        let mut sql = with_parts(text, EVENT, PARTS.iter().chain(&COLUMNS));
        for number in 1..=values.len() {
            sql = sql.replace(&format!("${number}"), "?");
        }
        let mut query = sqlx::query(statement(&sql, &self.table));
        for value in values {
            query = match *value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::Id(id) => query.bind(id.to_string()),
            };
        }
        query.fetch_all(&self.pool).await.map_err(self.error(operation))
    }

    async fn change(&self, operation: &'static str, statement: &str, ids: &[Uuid]) -> Result<u64, EventError> {
        let done = work::execute(&self.pool, &self.table, &named(statement, ids)).await;
        done.map_err(self.error(operation))
    }

    async fn cautions(&self) -> Result<Vec<&'static str>, EventError> {
        server::cautions(&self.pool).await.map_err(self.error("tell its settings"))
    }

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let operation = "requeue dead letters";
        let copy = format!(
            "INSERT INTO {{outbox}} ({REVIVED}) SELECT {REVIVED} FROM {{dead}} WHERE {{named}} AND 0 < encoding ORDER BY seq"
        );
        // The lock comes first: two that bring back the same ones must not both copy them.
        let statements = [
            "SELECT event_id FROM {dead} WHERE {named} FOR UPDATE",
            &copy,
            "DELETE FROM {dead} WHERE {named} AND 0 < encoding",
        ];
        let mut transaction = self.pool.begin().await.map_err(self.error(operation))?;
        let mut requeued = 0;
        for sql in statements {
            let sql = statement(&named(sql, ids), &self.table);
            let done = sqlx::query(sql).persistent(false).execute(&mut *transaction).await;
            requeued = done.map_err(self.error(operation))?.rows_affected();
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(requeued)
    }
}

fn named(statement: &str, ids: &[Uuid]) -> String {
    statement.replace("{named}", &format!("event_id IN ({})", quoted(ids)))
}

use sqlx::{SqlStr, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    super::{
        inspect::{Inspect, Value, with_parts},
        rows::{EVENT, PARTS},
    },
    queue::{SqliteStore, json, texts},
};
use crate::EventError;

const COLUMNS: [(&str, &str); 6] = [
    ("{topic}", "topic"),
    ("{event_type}", "event_type"),
    ("{reason}", "reason"),
    ("{record_key}", "record_key"),
    ("{ordering_key}", "ordering_key"),
    ("{named}", "event_id IN (SELECT value FROM json_each($1))"),
];

const REQUEUE: &str = "
    INSERT INTO {outbox} ({revived}) SELECT {revived} FROM {dead} WHERE {named} AND 0 < encoding ORDER BY seq";

impl SqliteStore {
    pub(super) fn inspecting(&self, statement: &str) -> SqlStr {
        self.statement(&with_parts(statement, EVENT, PARTS.iter().chain(&COLUMNS)))
    }
}

impl Inspect for SqliteStore {
    type Row = SqliteRow;

    async fn look(
        &self,
        operation: &'static str,
        statement: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<SqliteRow>, EventError> {
        let mut query = sqlx::query(self.inspecting(statement));
        for value in values {
            query = match *value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text.map(str::to_owned)),
                Value::Id(id) => query.bind(id.to_string()),
            };
        }
        query.fetch_all(&self.pool).await.map_err(self.error(operation))
    }

    async fn change(&self, operation: &'static str, statement: &str, ids: &[Uuid]) -> Result<u64, EventError> {
        let query = sqlx::query(self.inspecting(statement)).bind(json(&texts(ids))?);
        Ok(query.execute(&self.pool).await.map_err(self.error(operation))?.rows_affected())
    }

    async fn cautions(&self) -> Result<Vec<&'static str>, EventError> {
        self.weaknesses().await.map_err(self.error("tell its settings"))
    }

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let operation = "requeue dead letters";
        let ids = json(&texts(ids))?;
        let mut transaction = self.begin(operation).await?;
        let mut requeued = 0;
        for sql in [REQUEUE, "DELETE FROM {dead} WHERE {named} AND 0 < encoding"] {
            let done = sqlx::query(self.inspecting(sql)).bind(&ids).execute(&mut *transaction).await;
            requeued = done.map_err(self.error(operation))?.rows_affected();
        }
        transaction.commit().await.map_err(self.error(operation))?;
        Ok(requeued)
    }
}

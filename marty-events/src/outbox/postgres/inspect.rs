use sqlx::{SqlStr, postgres::PgRow};
use uuid::Uuid;

use super::{
    super::{
        Quotes,
        inspect::{Inspect, Value, with_parts},
    },
    queue::{PostgresStore, counted},
};
use crate::EventError;

/// The columns of an event, in a form that needs no date type.
const EVENT: &str = "
    seq, event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
    (extract(epoch FROM created_at) * 1000000)::bigint AS created_at, attempts";

const PARTS: [(&str, &str); 17] = [
    (
        "{death}",
        "length(payload)::bigint AS payload_bytes, reason, (extract(epoch FROM died_at) * 1000000)::bigint AS died_at",
    ),
    ("{started_at}", "(extract(epoch FROM relays.started_at) * 1000000)::bigint AS started_at"),
    ("{clock}", "(extract(epoch FROM {now}) * 1000000)::bigint"),
    ("{ago}", "{now} - $1::bigint * interval '1 millisecond'"),
    ("{now}", "clock_timestamp()"),
    ("{topic}", "topic"),
    ("{event_type}", "event_type"),
    ("{reason}", "reason"),
    ("{record_key}", "record_key"),
    ("{ordering_key}", "ordering_key"),
    (
        "{wait}",
        "length(payload)::bigint AS payload_bytes, coalesce(last_error, '') AS reason,
            (extract(epoch FROM created_at) * 1000000)::bigint AS died_at",
    ),
    (
        "{delivery}",
        "length(payload)::bigint AS payload_bytes, ''::text AS reason,
            (extract(epoch FROM published_at) * 1000000)::bigint AS died_at",
    ),
    ("{min_created_at}", "(extract(epoch FROM min(created_at)) * 1000000)::bigint"),
    ("{min_died_at}", "(extract(epoch FROM min(died_at)) * 1000000)::bigint"),
    ("{max_died_at}", "(extract(epoch FROM max(died_at)) * 1000000)::bigint"),
    ("{max_attempts}", "max(attempts)::bigint"),
    ("{named}", "event_id = ANY($1)"),
];

/// The deletion gives the transaction its id before a number is drawn.
const REQUEUE: &str = "
    WITH revived AS (DELETE FROM {dead} WHERE {named} AND 0 < encoding RETURNING *), done AS (
        INSERT INTO {outbox} ({revived}) SELECT {revived} FROM revived ORDER BY seq RETURNING 1)
    SELECT count(*) FROM done";

impl PostgresStore {
    fn inspecting(&self, statement: &str) -> SqlStr {
        Quotes::Double.statement(&with_parts(statement, EVENT, &PARTS), &self.table)
    }
}

impl Inspect for PostgresStore {
    type Row = PgRow;

    async fn look(
        &self,
        operation: &'static str,
        statement: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<PgRow>, EventError> {
        let mut query = sqlx::query(self.inspecting(statement));
        for value in values {
            query = match *value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::Id(id) => query.bind(id),
            };
        }
        self.rows(query).await.map_err(self.error(operation))
    }

    async fn change(&self, operation: &'static str, statement: &str, ids: &[Uuid]) -> Result<u64, EventError> {
        let query = sqlx::query(self.inspecting(&counted(statement))).bind(ids);
        self.changed(query).await.map_err(self.error(operation))
    }

    async fn cautions(&self) -> Result<Vec<&'static str>, EventError> {
        self.weaknesses().await.map_err(self.error("tell its settings"))
    }

    async fn requeue(&self, ids: &[Uuid]) -> Result<u64, EventError> {
        let query = sqlx::query(self.inspecting(REQUEUE)).bind(ids);
        self.changed(query).await.map_err(self.error("requeue dead letters"))
    }
}

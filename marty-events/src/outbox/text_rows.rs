//! Rows of the databases that keep ids as texts, MySQL and SQLite: sqlx gives each a row type of its own, and the code is the same.

/// The columns of an event.
pub(super) const EVENT: &str = "
    seq, event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at, attempts";

/// The functions that read rows of one type.
macro_rules! text_rows {
    ($row:ty) => {
        use sqlx::Row;
        use uuid::Uuid;

        use $crate::{
            EventError,
            outbox::{
                DeadLetter, PendingEvent,
                queue::Number,
                row::{Columns, timestamp},
            },
        };

        pub(super) fn columns(row: &$row) -> Result<Columns, sqlx::Error> {
            Ok(Columns {
                seq: row.try_get("seq")?,
                event_id: Uuid::parse_str(row.try_get("event_id")?)
                    .map_err(|error| sqlx::Error::Decode(error.into()))?,
                event_type: row.try_get("event_type")?,
                topic: row.try_get("topic")?,
                key: row.try_get("record_key")?,
                ordering_key: row.try_get("ordering_key")?,
                key_hash: row.try_get("key_hash")?,
                headers: row.try_get("headers")?,
                payload: row.try_get("payload")?,
                encoding: row.try_get("encoding")?,
                created_at: row.try_get("created_at")?,
                attempts: row.try_get("attempts")?,
            })
        }

        pub(super) fn event(row: &$row) -> Result<PendingEvent, EventError> {
            columns(row).map_err(read_error)?.event()
        }

        pub(super) fn dead_letter(row: &$row) -> Result<DeadLetter, EventError> {
            let read = || -> Result<_, sqlx::Error> {
                Ok(columns(row)?.dead_letter(row.try_get("reason")?, row.try_get("died_at")?))
            };
            read().map_err(read_error)
        }

        pub(super) fn number(row: &$row) -> Result<Number, sqlx::Error> {
            let size: i64 = row.try_get("size")?;
            Ok(Number {
                seq: row.try_get("seq")?,
                topic: row.try_get("topic")?,
                key: row.try_get("record_key")?,
                ordering_key: row.try_get("ordering_key")?,
                created_at: timestamp(row.try_get("created_at")?)
                    .map_err(|problem| sqlx::Error::Decode(problem.into()))?,
                size: usize::try_from(size).unwrap_or_default(),
            })
        }

        /// A relay and one of its lanes.
        pub(super) fn relay(row: &$row) -> Result<(Uuid, jiff::Timestamp, bool, Option<i32>), sqlx::Error> {
            let relay = Uuid::parse_str(row.try_get("relay")?).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let started_at =
                timestamp(row.try_get("started_at")?).map_err(|problem| sqlx::Error::Decode(problem.into()))?;
            Ok((relay, started_at, row.try_get("is_alive")?, row.try_get("lane")?))
        }

        fn read_error(source: sqlx::Error) -> EventError {
            EventError::Outbox { operation: "read a row", source: Box::new(source) }
        }
    };
}

/// The lists of [`Inspect`](super::inspect::Inspect), which these databases answer on any connection of the pool.
macro_rules! text_lists {
    () => {
        async fn pending(&self, limit: i64) -> Result<Vec<PendingEvent>, EventError> {
            let rows = sqlx::query(self.sql.pending.clone())
                .bind(limit)
                .fetch_all(&self.pool)
                .await
                .map_err(self.error("list the pending events"))?;
            rows.iter().map(rows::event).collect()
        }

        async fn dead_letters(&self, (seq, id): (i64, Uuid), limit: i64) -> Result<Vec<DeadLetter>, EventError> {
            let rows = sqlx::query(self.sql.dead_letters.clone())
                .bind(seq)
                .bind(id.to_string())
                .bind(limit)
                .fetch_all(&self.pool)
                .await
                .map_err(self.error("list the dead letters"))?;
            rows.iter().map(rows::dead_letter).collect()
        }

        async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, EventError> {
            let row = sqlx::query(self.sql.dead_letter.clone()).bind(id.to_string()).fetch_optional(&self.pool).await;
            row.map_err(self.error("look for a dead letter"))?.as_ref().map(rows::dead_letter).transpose()
        }

        async fn relays(&self) -> Result<Vec<RelayStatus>, EventError> {
            let operation = "list the relays";
            let rows =
                sqlx::query(self.sql.relays.clone()).fetch_all(&self.pool).await.map_err(self.error(operation))?;
            let relays = rows.iter().map(rows::relay).collect::<Result<Vec<_>, _>>();
            Ok(RelayStatus::gather(relays.map_err(self.error(operation))?))
        }
    };
}

pub(super) use {text_lists, text_rows};

//! Rows of the databases as people see them: sqlx gives each a row type of its own, and the code is the same.

use super::{DeadLetter, OutboxStats, PendingEvent, RelayStatus};
use crate::EventError;

/// A row that answers a question of [`Inspect`](super::inspect::Inspect).
pub(crate) trait AnswerRow: Send + Sync {
    fn event(&self) -> Result<PendingEvent, EventError>;

    fn dead_letter(&self) -> Result<DeadLetter, EventError>;

    /// A relay and one of its lanes.
    fn relay(&self) -> Result<(RelayStatus, Option<i32>), EventError>;

    /// The counts by their names; the oldest age in milliseconds.
    fn stats(&self) -> Result<OutboxStats, EventError>;

    fn number(&self, column: &str) -> Result<Option<i64>, EventError>;

    fn text(&self, column: &str) -> Result<Option<String>, EventError>;

    /// The number in the first column.
    fn first_number(&self) -> Result<Option<i64>, EventError>;

    /// The text in the first column.
    fn first_text(&self) -> Result<String, EventError>;
}

pub(crate) fn read_error(source: sqlx::Error) -> EventError {
    EventError::Outbox { operation: "read a row", source: Box::new(source) }
}

/// An [`AnswerRow`] of one row type, whose ids `$id` reads.
macro_rules! rows {
    ($row:ty, $id:expr) => {
        use sqlx::Row;
        use $crate::{
            EventError,
            outbox::{
                DeadLetter, OutboxStats, PendingEvent, RelayStatus,
                row::{Columns, timestamp},
                rows::{AnswerRow, read_error},
            },
        };

        pub(super) fn columns(row: &$row) -> Result<Columns, sqlx::Error> {
            Ok(Columns {
                seq: row.try_get("seq")?,
                event_id: $id(row, "event_id")?,
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

        impl AnswerRow for $row {
            fn event(&self) -> Result<PendingEvent, EventError> {
                columns(self).map_err(read_error)?.event()
            }

            fn dead_letter(&self) -> Result<DeadLetter, EventError> {
                let read = || -> Result<_, sqlx::Error> {
                    let bytes: i64 = self.try_get("payload_bytes")?;
                    Ok(columns(self)?.dead_letter(bytes, self.try_get("reason")?, self.try_get("died_at")?))
                };
                read().map_err(read_error)
            }

            fn relay(&self) -> Result<(RelayStatus, Option<i32>), EventError> {
                let read = || -> Result<_, sqlx::Error> {
                    let process_id: Option<i64> = self.try_get("process_id")?;
                    let relay = RelayStatus {
                        relay: $id(self, "relay")?,
                        service: self.try_get("service")?,
                        host: self.try_get("host")?,
                        process_id: process_id.and_then(|id| u32::try_from(id).ok()),
                        version: self.try_get("version")?,
                        started_at: timestamp(self.try_get("started_at")?)
                            .map_err(|problem| sqlx::Error::Decode(problem.into()))?,
                        is_alive: self.try_get("is_alive")?,
                        lanes: Vec::new(),
                    };
                    Ok((relay, self.try_get("lane")?))
                };
                read().map_err(read_error)
            }

            fn stats(&self) -> Result<OutboxStats, EventError> {
                let number = |column: &str| self.try_get(column).map_err(read_error);
                let oldest_age = self.try_get("oldest_age").map_err(read_error)?;
                Ok(OutboxStats::new(number("pending")?, oldest_age, number("dead")?, number("published")?))
            }

            fn number(&self, column: &str) -> Result<Option<i64>, EventError> {
                self.try_get(column).map_err(read_error)
            }

            fn text(&self, column: &str) -> Result<Option<String>, EventError> {
                self.try_get(column).map_err(read_error)
            }

            fn first_number(&self) -> Result<Option<i64>, EventError> {
                self.try_get(0).map_err(read_error)
            }

            fn first_text(&self) -> Result<String, EventError> {
                self.try_get(0).map_err(read_error)
            }
        }
    };
}

/// The same for a database that keeps ids as texts, and for its relay.
macro_rules! text_rows {
    ($row:ty) => {
        $crate::outbox::rows::rows!($row, id);

        use $crate::outbox::{
            lanes::{Lane, lane_of},
            queue::{Number, Page},
        };

        /// Those that are whole; of the others those of these lanes, by their numbers.
        pub(super) fn page(read: &[$row], lanes: &[Lane], is_full: bool) -> Result<Page, sqlx::Error> {
            let (mut whole, mut numbers) = (Vec::new(), Vec::new());
            for row in read {
                if row.try_get::<Option<&str>, _>("headers").is_ok_and(|headers| headers.is_some()) {
                    whole.push(columns(row)?);
                    continue;
                }
                let lane = lane_of(row.try_get("key_hash")?);
                if lanes.iter().any(|own| own.number == lane) {
                    numbers.push(number(row)?);
                }
            }
            Ok(Page { numbers, ..Page::of(whole, is_full) })
        }

        fn number(row: &$row) -> Result<Number, sqlx::Error> {
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

        fn id(row: &$row, column: &str) -> Result<uuid::Uuid, sqlx::Error> {
            uuid::Uuid::parse_str(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
        }
    };
}

/// The columns of an event where ids are texts and times are numbers.
pub(super) const EVENT: &str = "
    seq, event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at, attempts";

/// The bytes of a row's headers and payload; in SQLite headers are ASCII, but for values that are not.
pub(super) const SIZE: &str = "(length(headers) + length(payload))";

/// The parts of [`Inspect`](super::inspect::Inspect)'s statements there; `{now}` is left to the database.
pub(super) const PARTS: [(&str, &str); 10] = [
    ("{death}", "length(payload) AS payload_bytes, reason, died_at"),
    ("{wait}", "length(payload) AS payload_bytes, coalesce(last_error, '') AS reason, created_at AS died_at"),
    ("{delivery}", "length(payload) AS payload_bytes, '' AS reason, published_at AS died_at"),
    ("{min_created_at}", "min(created_at)"),
    ("{min_died_at}", "min(died_at)"),
    ("{max_died_at}", "max(died_at)"),
    ("{max_attempts}", "max(attempts)"),
    ("{started_at}", "relays.started_at AS started_at"),
    ("{clock}", "{now}"),
    ("{ago}", "({now} - $1 * 1000)"),
];

pub(super) use rows;
pub(super) use text_rows;

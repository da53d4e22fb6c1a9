use jiff::Timestamp;
use sqlx::{Row, mysql::MySqlRow};
use uuid::Uuid;

use super::super::{
    DeadLetter, PendingEvent,
    queue::Number,
    row::{Columns, timestamp},
};
use crate::EventError;

pub(super) const EVENT: &str = "
    seq, event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at, attempts";

pub(super) fn columns(row: &MySqlRow) -> Result<Columns, sqlx::Error> {
    Ok(Columns {
        seq: row.try_get("seq")?,
        event_id: Uuid::parse_str(row.try_get("event_id")?).map_err(|error| sqlx::Error::Decode(error.into()))?,
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

pub(super) fn event(row: &MySqlRow) -> Result<PendingEvent, EventError> {
    columns(row).map_err(read_error)?.event()
}

pub(super) fn dead_letter(row: &MySqlRow) -> Result<DeadLetter, EventError> {
    let read =
        || -> Result<_, sqlx::Error> { Ok(columns(row)?.dead_letter(row.try_get("reason")?, row.try_get("died_at")?)) };
    read().map_err(read_error)
}

pub(super) fn number(row: &MySqlRow) -> Result<Number, sqlx::Error> {
    let size: i64 = row.try_get("size")?;
    Ok(Number {
        seq: row.try_get("seq")?,
        topic: row.try_get("topic")?,
        key: row.try_get("record_key")?,
        ordering_key: row.try_get("ordering_key")?,
        created_at: timestamp(row.try_get("created_at")?).map_err(|problem| sqlx::Error::Decode(problem.into()))?,
        size: usize::try_from(size).unwrap_or_default(),
    })
}

/// A relay and one of its lanes.
pub(super) fn relay(row: &MySqlRow) -> Result<(Uuid, Timestamp, bool, Option<i32>), sqlx::Error> {
    let relay = Uuid::parse_str(row.try_get("relay")?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let started_at = timestamp(row.try_get("started_at")?).map_err(|problem| sqlx::Error::Decode(problem.into()))?;
    Ok((relay, started_at, row.try_get("is_alive")?, row.try_get("lane")?))
}

fn read_error(source: sqlx::Error) -> EventError {
    EventError::Outbox { operation: "read a row", source: Box::new(source) }
}

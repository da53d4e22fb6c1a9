use jiff::Timestamp;
use sqlx::{
    Postgres, Row,
    error::BoxDynError,
    postgres::{PgRow, PgTypeInfo, PgValueFormat, PgValueRef},
};
use uuid::Uuid;

use super::super::{
    DeadLetter, PendingEvent,
    encoding::{HeaderText, check_encoding},
    lanes::{Lane, lane_of},
    queue::{Number, Page},
    queued_row::QueuedRow,
    row::{Columns, timestamp},
};
use crate::EventError;

/// The columns of an event, in a form that needs no date type.
pub(super) const EVENT: &str = "
    seq, event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
    (extract(epoch FROM created_at) * 1000000)::bigint AS created_at, attempts";

/// The columns of a record, which are read by their places: a relay reads more rows than anybody else.
pub(super) const RECORD: &str =
    "seq, event_id, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at, attempts";

/// Nothing, of the same types.
pub(super) const NO_RECORD: &str =
    "NULL::bigint, NULL::uuid, NULL, NULL, NULL, NULL::bigint, NULL, NULL::bytea, NULL::smallint, NULL::timestamptz,
        NULL::integer";

pub(super) const DIED_AT: &str = "(extract(epoch FROM died_at) * 1000000)::bigint AS died_at";

/// The places of a record's columns, from its first one on.
const SEQ: usize = 0;
const TOPIC: usize = 2;
const KEY: usize = 3;
const ORDERING_KEY: usize = 4;
const KEY_HASH: usize = 5;
const HEADERS: usize = 6;
const CREATED_AT: usize = 9;
/// The place of the size, which comes after them.
const SIZE: usize = 11;

/// Takes a record into a page, and answers its number; `first` is the place of its first column. Where headers and payload were left out,
/// it is another relay's, or of one of `lanes`: then it is noted by its number, and loaded later.
pub(super) fn take_in(page: &mut Page, row: &PgRow, first: usize, lanes: &[Lane]) -> Result<i64, sqlx::Error> {
    let seq = row.try_get(first + SEQ)?;
    let ordering_key: Option<&str> = row.try_get(first + ORDERING_KEY)?;
    if let Some(headers) = row.try_get::<Option<&str>, _>(first + HEADERS)? {
        page.add(seq, ordering_key, record(row, first, seq, ordering_key, headers));
        return Ok(seq);
    }
    let lane = lane_of(row.try_get(first + KEY_HASH)?);
    if lanes.iter().any(|own| own.number == lane) {
        let size: i32 = row.try_get(first + SIZE)?;
        let size = usize::try_from(size).unwrap_or_default();
        let created_at: Microseconds = row.try_get(first + CREATED_AT)?;
        page.numbers.push(Number {
            seq,
            topic: row.try_get(first + TOPIC)?,
            key: row.try_get(first + KEY)?,
            ordering_key: ordering_key.map(str::to_owned),
            created_at: timestamp(created_at.0).map_err(|problem| sqlx::Error::Decode(problem.into()))?,
            size,
        });
    }
    Ok(seq)
}

fn record(
    row: &PgRow,
    first: usize,
    seq: i64,
    ordering_key: Option<&str>,
    headers: &str,
) -> Result<QueuedRow, EventError> {
    let place = |place| first + place;
    check_encoding(seq, row.try_get(place(8)).map_err(read_error)?)?;
    let created_at: Microseconds = row.try_get(place(9)).map_err(read_error)?;
    Ok(QueuedRow {
        seq,
        event_id: row.try_get(place(1)).map_err(read_error)?,
        topic: row.try_get(place(2)).map_err(read_error)?,
        key: row.try_get(place(3)).map_err(read_error)?,
        ordering_key: ordering_key.map(Into::into),
        lane: lane_of(row.try_get(place(KEY_HASH)).map_err(read_error)?),
        headers: HeaderText::new(seq, headers.to_owned())?,
        payload: row.try_get(place(7)).map_err(read_error)?,
        created_at: timestamp(created_at.0).map_err(|problem| EventError::UnreadableRow { seq, problem })?,
        attempts: row.try_get(place(10)).map_err(read_error)?,
    })
}

/// Microseconds since 1970 of a `timestamptz`, which is microseconds since 2000 in the binary form that prepared statements answer in
/// (PostgreSQL, `timestamptz_send` in timestamp.c and `POSTGRES_EPOCH_JDATE` in datatype/timestamp.h).
struct Microseconds(i64);

/// From 1970 to 2000.
const EPOCH: i64 = 946_684_800_000_000;

impl sqlx::Type<Postgres> for Microseconds {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("timestamptz")
    }
}

impl<'r> sqlx::Decode<'r, Postgres> for Microseconds {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a time in text".into());
        }
        Ok(Self(i64::from_be_bytes(value.as_bytes()?.try_into()?).saturating_add(EPOCH)))
    }
}

pub(super) fn columns(row: &PgRow) -> Result<Columns, sqlx::Error> {
    Ok(Columns {
        seq: row.try_get("seq")?,
        event_id: row.try_get("event_id")?,
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

pub(super) fn event(row: &PgRow) -> Result<PendingEvent, EventError> {
    columns(row).map_err(read_error)?.event()
}

pub(super) fn dead_letter(row: &PgRow) -> Result<DeadLetter, EventError> {
    let read =
        || -> Result<_, sqlx::Error> { Ok(columns(row)?.dead_letter(row.try_get("reason")?, row.try_get("died_at")?)) };
    read().map_err(read_error)
}

/// A relay and one of its lanes.
pub(super) fn relay(row: &PgRow) -> Result<(Uuid, Timestamp, bool, Option<i32>), sqlx::Error> {
    let relay = row.try_get("relay")?;
    let started_at = timestamp(row.try_get("started_at")?).map_err(|problem| sqlx::Error::Decode(problem.into()))?;
    Ok((relay, started_at, row.try_get("is_alive")?, row.try_get("lane")?))
}

fn read_error(source: sqlx::Error) -> EventError {
    EventError::Outbox { operation: "read a row", source: Box::new(source) }
}

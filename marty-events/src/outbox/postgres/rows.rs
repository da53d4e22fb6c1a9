use std::sync::Arc;

use sqlx::{
    Postgres,
    error::BoxDynError,
    postgres::{PgRow, PgTypeInfo, PgValueFormat, PgValueRef},
};

use super::super::{
    encoding::{HeaderText, check_encoding},
    lanes::{Lane, lane_of},
    queue::{Number, Page},
    queued_row::QueuedRow,
};

super::super::rows::rows!(PgRow, |row: &PgRow, column: &str| row.try_get(column));

/// The columns of a record, which are read by their places: a relay reads more rows than anybody else.
pub(super) const RECORD: &str =
    "seq, event_id, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at, attempts";

/// Nothing, of the same types.
pub(super) const NO_RECORD: &str =
    "NULL::bigint, NULL::uuid, NULL, NULL, NULL, NULL::bigint, NULL, NULL::bytea, NULL::smallint, NULL::timestamptz,
        NULL::integer";

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

/// The names of topics that a page has had so far: few of them, and one after the other the same.
#[derive(Debug, Default)]
pub(super) struct Topics(Vec<Arc<str>>);

/// The most names that are looked through.
const MOST_TOPICS: usize = 32;

impl Topics {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(topic) = self.0.iter().find(|topic| ***topic == *name) {
            return topic.clone();
        }
        let topic: Arc<str> = name.into();
        if self.0.len() < MOST_TOPICS {
            self.0.push(topic.clone());
        }
        topic
    }
}

/// Takes a record into a page, and answers its number; `first` is the place of its first column. Where headers and payload were left out,
/// it is another relay's, or of one of `lanes`: then it is noted by its number, and loaded later.
pub(super) fn take_in(
    page: &mut Page,
    topics: &mut Topics,
    row: &PgRow,
    first: usize,
    lanes: &[Lane],
) -> Result<i64, sqlx::Error> {
    let seq = row.try_get(first + SEQ)?;
    let ordering_key: Option<&str> = row.try_get(first + ORDERING_KEY)?;
    if let Some(headers) = row.try_get::<Option<&str>, _>(first + HEADERS)? {
        page.add(seq, ordering_key, record(topics, row, first, seq, ordering_key, headers));
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
    topics: &mut Topics,
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
        topic: topics.get(row.try_get(place(TOPIC)).map_err(read_error)?),
        key: row.try_get::<Option<&str>, _>(place(KEY)).map_err(read_error)?.map(Into::into),
        ordering_key: ordering_key.map(Into::into),
        lane: lane_of(row.try_get(place(KEY_HASH)).map_err(read_error)?),
        headers: HeaderText::new(seq, headers)?,
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

use std::sync::Arc;

use sqlx::{
    Column, Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgRow, PgTypeInfo, PgValueFormat, PgValueRef},
};
use uuid::Uuid;

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
const EVENT_ID: usize = 1;
const TOPIC: usize = 2;
const KEY: usize = 3;
const ORDERING_KEY: usize = 4;
const KEY_HASH: usize = 5;
const HEADERS: usize = 6;
const PAYLOAD: usize = 7;
const ENCODING: usize = 8;
const CREATED_AT: usize = 9;
const ATTEMPTS: usize = 10;
/// The place of the size, which comes after them.
const SIZE: usize = 11;

/// The names of topics that a page has had so far: few of them, and one after the other the same.
#[derive(Debug, Default)]
struct Topics(Vec<Arc<str>>);

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

/// Reads the records of one answer into a page.
///
/// The driver compares the types for each value that it reads, which is most of the reading. All rows of an answer have the same types, so
/// they are compared with the first row alone. Where one is another, the driver goes on to compare each, and names the column.
#[derive(Debug)]
pub(super) struct Records<'a> {
    /// The place of a record's first column.
    first: usize,
    /// The lanes of the relay.
    lanes: &'a [Lane],
    topics: Topics,
    are_of_types: Option<bool>,
}

impl<'a> Records<'a> {
    pub(super) fn new(first: usize, lanes: &'a [Lane]) -> Self {
        Self { first, lanes, topics: Topics::default(), are_of_types: None }
    }

    /// Takes a record into a page, and answers its number. Where headers and payload were left out, it is another relay's, or of one of the
    /// relay's lanes: then it is noted by its number, and loaded later.
    pub(super) fn take_in(&mut self, page: &mut Page, row: &PgRow) -> Result<i64, sqlx::Error> {
        self.are_of_types.get_or_insert_with(|| are_of_types(row, self.first));
        let seq = self.get(row, SEQ)?;
        let ordering_key: Option<&str> = self.get(row, ORDERING_KEY)?;
        if let Some(headers) = self.get::<Option<&str>>(row, HEADERS)? {
            page.add(seq, ordering_key, self.record(row, seq, ordering_key, headers));
            return Ok(seq);
        }
        let lane = lane_of(self.get(row, KEY_HASH)?);
        if self.lanes.iter().any(|own| own.number == lane) {
            let size: i32 = row.try_get(self.first + SIZE)?;
            let size = usize::try_from(size).unwrap_or_default();
            let created_at: Microseconds = self.get(row, CREATED_AT)?;
            page.numbers.push(Number {
                seq,
                topic: self.get(row, TOPIC)?,
                key: self.get(row, KEY)?,
                ordering_key: ordering_key.map(str::to_owned),
                created_at: timestamp(created_at.0).map_err(|problem| sqlx::Error::Decode(problem.into()))?,
                size,
            });
        }
        Ok(seq)
    }

    fn record(
        &mut self,
        row: &PgRow,
        seq: i64,
        ordering_key: Option<&str>,
        headers: &str,
    ) -> Result<QueuedRow, EventError> {
        check_encoding(seq, self.get(row, ENCODING).map_err(read_error)?)?;
        let created_at: Microseconds = self.get(row, CREATED_AT).map_err(read_error)?;
        let topic = self.get(row, TOPIC).map_err(read_error)?;
        Ok(QueuedRow {
            seq,
            event_id: self.get(row, EVENT_ID).map_err(read_error)?,
            topic: self.topics.get(topic),
            key: self.get::<Option<&str>>(row, KEY).map_err(read_error)?.map(Into::into),
            ordering_key: ordering_key.map(Into::into),
            lane: lane_of(self.get(row, KEY_HASH).map_err(read_error)?),
            headers: HeaderText::new(seq, headers)?,
            payload: self.get(row, PAYLOAD).map_err(read_error)?,
            created_at: timestamp(created_at.0).map_err(|problem| EventError::UnreadableRow { seq, problem })?,
            attempts: self.get(row, ATTEMPTS).map_err(read_error)?,
        })
    }

    fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
        &self,
        row: &'r PgRow,
        place: usize,
    ) -> Result<T, sqlx::Error> {
        if self.are_of_types == Some(true) {
            row.try_get_unchecked(self.first + place)
        } else {
            row.try_get(self.first + place)
        }
    }
}

/// True if the columns of a record, from `first` on, have the types that they are read as.
fn are_of_types(row: &PgRow, first: usize) -> bool {
    fn is<T: Type<Postgres> + ?Sized>(row: &PgRow, place: usize) -> bool {
        row.columns().get(place).is_some_and(|column| T::compatible(column.type_info()))
    }
    let texts = [TOPIC, KEY, ORDERING_KEY, HEADERS];
    is::<i64>(row, first + SEQ)
        && is::<Uuid>(row, first + EVENT_ID)
        && texts.into_iter().all(|place| is::<str>(row, first + place))
        && is::<i64>(row, first + KEY_HASH)
        && is::<Vec<u8>>(row, first + PAYLOAD)
        && is::<i16>(row, first + ENCODING)
        && is::<Microseconds>(row, first + CREATED_AT)
        && is::<i32>(row, first + ATTEMPTS)
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

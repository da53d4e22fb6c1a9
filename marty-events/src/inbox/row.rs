//! A parked row as the databases answer it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Delivery, Failure, Fate, Identity, InboxStats, Parked, encoding::headers_of};
pub(super) use crate::database::milliseconds;

/// The columns of a parked event, in the order of [`Columns`].
pub(super) const COLUMNS: &str = "id, event_id, topic, ordering_key, record_partition, record_offset, record_key, record_time, headers, \
     value, attempts";

/// The columns by their types in Rust.
pub(super) type Columns =
    (i64, String, String, Vec<u8>, i32, i64, Option<Vec<u8>>, Option<i64>, String, Option<Vec<u8>>, i32);

pub(super) fn parked(columns: Columns) -> Result<Parked, sqlx::Error> {
    let (id, event_id, topic, key, partition, offset, record_key, time, headers, value, attempts) = columns;
    let headers = headers_of(&headers).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let delivery = Delivery {
        topic: topic.into(),
        partition,
        offset,
        key: record_key,
        headers,
        value,
        timestamp: time.and_then(|time| Timestamp::from_millisecond(time).ok()),
        attempt: u32::try_from(attempts).unwrap_or_default().saturating_add(1),
    };
    Ok(Parked { id, identity: Identity { event_id, key }, delivery })
}

/// The columns `state` and the pause in milliseconds; an event that waits behind others has no pause of its own.
pub(super) fn state(failure: Option<&Failure>) -> (&'static str, Option<i64>) {
    match failure.map(|failure| failure.fate) {
        None => ("waiting", None),
        Some(Fate::Retry(pause)) => ("waiting", Some(milliseconds(pause))),
        Some(Fate::Bury) => ("dead", None),
        Some(Fate::Hold) => ("held", None),
    }
}

/// The counts: waiting events, their keys, dead letters, and the time of the oldest in microseconds.
pub(super) fn stats((parked, keys, dead, oldest): (i64, i64, i64, Option<i64>)) -> InboxStats {
    InboxStats {
        parked: count(parked),
        parked_keys: count(keys),
        dead_letters: count(dead),
        oldest_parked: oldest.and_then(|time| Timestamp::from_microsecond(time).ok()),
    }
}

/// A number of attempts as a column has it.
pub(super) fn number(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}

/// A count that the database gives as a signed number.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The pause until a time that is so many milliseconds ahead. An event whose time has come and that nobody could take is in another
/// process's hands: it is looked for again soon.
pub(super) fn pause(milliseconds: i64) -> Duration {
    Duration::from_millis(count(milliseconds)).max(Duration::from_millis(250))
}

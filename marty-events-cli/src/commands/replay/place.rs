//! The first record of a replay.

use jiff::Timestamp;

/// A place in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Beginning,
    /// An offset, which is one of a single partition.
    Offset(i64),
    /// The first record at this time or later.
    Time(Timestamp),
}

/// Parses an argument.
pub(super) fn place(text: &str) -> Result<Place, String> {
    if text == "beginning" {
        return Ok(Place::Beginning);
    }
    if let Ok(offset) = text.parse() {
        return if offset < 0 { Err("an offset cannot be negative".to_owned()) } else { Ok(Place::Offset(offset)) };
    }
    time(text).map(Place::Time).map_err(|error| format!("write `beginning`, an offset, or a time: {error}"))
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write a time such as 2026-03-01T09:15:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_beginning_an_offset_or_a_time() {
        assert_eq!(place("beginning"), Ok(Place::Beginning));
        assert_eq!(place("17"), Ok(Place::Offset(17)));
        let time = "2026-03-01T09:15:00Z";
        assert_eq!(place(time), Ok(Place::Time(time.parse().expect("a time"))));
        assert_eq!(place("-1"), Err("an offset cannot be negative".to_owned()));
        assert!(place("yesterday").is_err_and(|error| error.contains("2026-03-01T09:15:00Z")));
    }
}

//! Rows of `event_outbox` in the messages of `pgoutput` (PostgreSQL, "Logical Replication Message Formats"; columns in binary form).

use bytes::{Buf, Bytes};
use rdkafka::message::{Header, OwnedHeaders};

use crate::Failure;

pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) payload: Bytes,
    headers: Bytes,
}

impl Record {
    /// The row has them as a JSON list of pairs.
    pub(crate) fn headers(&self) -> Result<OwnedHeaders, Failure> {
        let pairs: Vec<(&str, String)> = serde_json::from_slice(&self.headers)?;
        let headers = OwnedHeaders::new_with_capacity(pairs.len());
        Ok(pairs.iter().fold(headers, |headers, (name, value)| headers.insert(Header { key: name, value: Some(value) })))
    }
}

/// The table by the message that comes before its first row.
#[derive(Default)]
pub(crate) struct Table {
    columns: Vec<String>,
}

impl Table {
    /// The row that a message inserts.
    pub(crate) fn take(&mut self, message: &Bytes) -> Result<Option<Record>, Failure> {
        let mut rest = message.clone();
        match rest.try_get_u8()? {
            b'R' => {
                rest.try_get_u32()?;
                let (_schema, _table) = (text(&mut rest)?, text(&mut rest)?);
                rest.try_get_u8()?;
                self.columns.clear();
                for _ in 0..rest.try_get_u16()? {
                    rest.try_get_u8()?;
                    self.columns.push(text(&mut rest)?);
                    rest.try_get_u64()?;
                }
                Ok(None)
            }
            b'I' => {
                rest.try_get_u32()?;
                rest.try_get_u8()?;
                self.row(&mut rest).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn row(&self, rest: &mut Bytes) -> Result<Record, Failure> {
        let (mut topic, mut key, mut headers, mut payload) = (None, None, None, None);
        for place in 0..usize::from(rest.try_get_u16()?) {
            let value = match rest.try_get_u8()? {
                b'n' | b'u' => continue,
                _ => {
                    let length = usize::try_from(rest.try_get_u32()?)?;
                    if rest.len() < length {
                        return Err("a message that is cut off".into());
                    }
                    rest.split_to(length)
                }
            };
            match self.columns.get(place).ok_or("a row before its table")?.as_str() {
                "topic" => topic = Some(String::from_utf8(value.into())?),
                "record_key" => key = Some(String::from_utf8(value.into())?),
                "headers" => headers = Some(value),
                "payload" => payload = Some(value),
                _ => {}
            }
        }
        let missing = "a row without a column";
        Ok(Record {
            topic: topic.ok_or(missing)?,
            key: key.ok_or(missing)?,
            headers: headers.ok_or(missing)?,
            payload: payload.ok_or(missing)?,
        })
    }
}

fn text(rest: &mut Bytes) -> Result<String, Failure> {
    let end = rest.iter().position(|byte| *byte == 0).ok_or("a text without an end")?;
    let text = rest.split_to(end);
    rest.advance(1);
    Ok(String::from_utf8(text.into())?)
}

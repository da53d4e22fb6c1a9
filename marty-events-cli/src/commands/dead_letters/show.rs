use std::fmt;

use marty_events::OutboxRepository;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::letter::{Summary, no_such, value};
use crate::{
    exit::Exit,
    failure::Result,
    output::{Output, or_dash},
    plain::{self, plain},
};

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    summary: Summary,
    seq: i64,
    lane: i32,
    /// Payload and headers were emptied.
    redacted: bool,
    #[serde(flatten)]
    contents: Option<Contents>,
}

/// The record that was to be published.
#[derive(Serialize)]
struct Contents {
    headers: Vec<(String, String)>,
    /// JSON where the value is JSON, else text.
    payload: Value,
}

pub(super) async fn run(id: Uuid, payload: bool, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let letter = outbox.dead_letter(id).await?.ok_or_else(|| no_such(id))?;
    let event = &letter.event;
    let contents = payload.then(|| Contents { headers: event.headers.clone(), payload: value(&event.payload) });
    let (seq, lane) = (event.seq, event.lane);
    let redacted = letter.problem.is_none() && event.headers.is_empty() && event.payload.is_empty();
    output.answer(&Whole { summary: letter.into(), seq, lane, redacted, contents })?;
    Ok(Exit::Done)
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary {
            event_id,
            event_type,
            topic,
            key,
            ordering_key,
            created_at,
            died_at,
            attempts,
            reason,
            payload_bytes,
            problem,
        } = &self.summary;
        writeln!(f, "event      {event_id}")?;
        writeln!(f, "type       {}", plain(event_type))?;
        writeln!(f, "topic      {}", plain(topic))?;
        writeln!(f, "key        {}", or_dash(key.as_deref()))?;
        writeln!(f, "ordering   {}, lane {}", or_dash(ordering_key.as_deref()), self.lane)?;
        writeln!(f, "number     {}", self.seq)?;
        writeln!(f, "written    {created_at}")?;
        writeln!(f, "died       {died_at}, after {attempts} attempts")?;
        writeln!(f, "reason     {}", plain(reason))?;
        if let Some(problem) = problem {
            writeln!(f, "problem    {}", plain(problem))?;
        }
        if self.redacted {
            return writeln!(f, "payload    redacted");
        }
        writeln!(f, "payload    {payload_bytes} bytes")?;
        let Some(Contents { headers, payload }) = &self.contents else { return Ok(()) };
        for (name, value) in headers {
            writeln!(f, "header     {}: {}", plain(name), plain(value))?;
        }
        match payload {
            Value::String(text) => writeln!(f, "\n{}", plain(text)),
            // The alternate form is indented.
            json => writeln!(f, "\n{}", plain::json(&format!("{json:#}"))),
        }
    }
}

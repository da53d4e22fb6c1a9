use std::fmt;

use marty_events::{OutboxRepository, outbox::DeadLetter};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::letter::{no_such, value};
use crate::{
    exit::Exit,
    failure::Result,
    output::{Output, or_dash},
    plain::{self, plain},
};

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    letter: DeadLetter,
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
    let contents =
        payload.then(|| Contents { headers: letter.event.headers.clone(), payload: value(&letter.event.payload) });
    output.answer(&Whole { letter, contents })?;
    Ok(Exit::Done)
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeadLetter { event, reason, died_at, problem, redacted, .. } = &self.letter;
        writeln!(f, "event      {}", event.event_id)?;
        writeln!(f, "type       {}", plain(&event.event_type))?;
        writeln!(f, "topic      {}", plain(&event.topic))?;
        writeln!(f, "key        {}", or_dash(event.key.as_deref()))?;
        writeln!(f, "ordering   {}, lane {}", or_dash(event.ordering_key.as_deref()), event.lane)?;
        writeln!(f, "number     {}", event.seq)?;
        writeln!(f, "written    {}", event.created_at)?;
        writeln!(f, "died       {died_at}, after {} attempts", event.attempts)?;
        writeln!(f, "reason     {}", plain(reason))?;
        if let Some(problem) = problem {
            writeln!(f, "problem    {}", plain(problem))?;
        }
        if *redacted {
            return writeln!(f, "payload    redacted");
        }
        writeln!(f, "payload    {} bytes", event.payload_bytes)?;
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

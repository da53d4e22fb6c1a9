use std::fmt;

use marty_events::{OutboxRepository, outbox::DeadLetter};
use serde::Serialize;
use uuid::Uuid;

use super::letter::no_such;
use crate::{
    exit::Exit,
    failure::Result,
    output::{Output, or_dash},
    payload::Payload,
    plain::{self, plain},
    time::stamp,
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
    payload: Payload,
}

pub(super) async fn run(id: Uuid, payload: bool, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let letter = outbox.dead_letter(id).await?.ok_or_else(|| no_such(id))?;
    let contents = payload
        .then(|| Contents { headers: letter.event.headers.clone(), payload: Payload::of(&letter.event.payload) });
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
        writeln!(f, "written    {}", stamp(event.created_at))?;
        writeln!(f, "died       {}, after {} attempts", stamp(*died_at), event.attempts)?;
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
            Payload::Text(text) => writeln!(f, "\n{}", plain(text)),
            json @ Payload::Json(_) => writeln!(f, "\n{}", plain::json(&json.indented().unwrap_or_default())),
        }
    }
}

use std::fmt;

use jiff::Timestamp;
use marty_events::{OutboxRepository, outbox::DeadLetter};
use serde::Serialize;
use uuid::Uuid;

use super::{ListArguments, show::no_such};
use crate::{
    exit::Exit,
    failure::Result,
    output::{Output, or_dash, table, write},
    plain::plain,
};

/// A dead letter without what was in it.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) event_id: Uuid,
    pub(super) event_type: String,
    pub(super) topic: String,
    pub(super) key: Option<String>,
    pub(super) ordering_key: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) died_at: Timestamp,
    pub(super) attempts: i32,
    pub(super) reason: String,
    pub(super) payload_bytes: usize,
    /// What of it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// One a line for programs, and one table for people.
struct Page(Vec<Summary>);

pub(super) async fn run(arguments: &ListArguments, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let mut filter = arguments.filter.to_filter();
    if let Some(id) = arguments.after {
        let last = outbox.dead_letter(id).await?.ok_or_else(|| no_such(id))?;
        filter = filter.after(last.place());
    }
    let letters = outbox.find_dead_letters(&filter, arguments.limit).await?;
    let last = letters.last().map(|letter| letter.event.event_id);
    let is_full = u32::try_from(letters.len()) == Ok(arguments.limit);
    let page = Page(letters.into_iter().map(Summary::from).collect());
    if output.is_json() {
        page.0.iter().try_for_each(|summary| output.answer(summary))?;
    } else if page.0.is_empty() {
        output.remark("no dead letters");
    } else {
        write(format!("{page}\n").as_bytes())?;
    }
    if let Some(last) = last.filter(|_| is_full) {
        output.remark(&format!("there may be more: --after {last}"));
    }
    Ok(Exit::Done)
}

impl From<DeadLetter> for Summary {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { event, reason, died_at, problem, .. } = letter;
        Self {
            event_id: event.event_id,
            payload_bytes: event.payload.len(),
            event_type: event.event_type,
            topic: event.topic,
            key: event.key,
            ordering_key: event.ordering_key,
            created_at: event.created_at,
            attempts: event.attempts,
            reason,
            died_at,
            problem,
        }
    }
}

impl Summary {
    /// Why it died, and what cannot be read of it.
    fn reason(&self) -> String {
        let reason = plain(&self.reason);
        match &self.problem {
            Some(problem) => format!("{reason}; cannot be read: {}", plain(problem)),
            None => reason,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", self.event_id, plain(&self.event_type), self.reason())
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.0.iter().map(|letter| {
            [
                letter.event_id.to_string(),
                letter.died_at.to_string(),
                plain(&letter.event_type),
                plain(&letter.topic),
                or_dash(letter.key.as_deref()),
                letter.attempts.to_string(),
                letter.reason(),
            ]
        });
        f.write_str(&table(["EVENT", "DIED", "TYPE", "TOPIC", "KEY", "ATTEMPTS", "REASON"], rows))
    }
}

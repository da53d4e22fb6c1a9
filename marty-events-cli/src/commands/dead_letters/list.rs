use marty_events::OutboxRepository;

use super::{
    ListArguments,
    letter::{no_such, reason},
};
use crate::{
    exit::Exit,
    failure::Result,
    output::{self, Output, or_dash, table},
    plain::plain,
    time::stamp,
};

/// One object a line for programs, and one table for people.
pub(super) async fn run(arguments: &ListArguments, outbox: &OutboxRepository, output: Output) -> Result<Exit> {
    let mut query = arguments.filter.to_query().limit(arguments.limit).without_payload();
    if let Some(id) = arguments.after {
        let last = outbox.dead_letter(id).await?.ok_or_else(|| no_such(id))?;
        query = query.after(last.place());
    }
    let letters = outbox.dead_letters(query).await?;
    if output.is_json() {
        letters.iter().try_for_each(output::object)?;
    } else if letters.is_empty() {
        output.remark("no dead letters");
    } else {
        let rows = letters.iter().map(|letter| {
            [
                letter.event.event_id.to_string(),
                stamp(letter.died_at),
                plain(&letter.event.event_type),
                plain(&letter.event.topic),
                or_dash(letter.event.key.as_deref()),
                letter.event.attempts.to_string(),
                reason(letter),
            ]
        });
        let page = table(["EVENT", "DIED", "TYPE", "TOPIC", "KEY", "ATTEMPTS", "REASON"], rows);
        output::write(format!("{page}\n").as_bytes())?;
    }
    let is_full = u32::try_from(letters.len()) == Ok(arguments.limit);
    if let Some(last) = letters.last().filter(|_| is_full) {
        output.remark(&format!("there may be more: --after {}", last.event.event_id));
    }
    Ok(Exit::Done)
}

use std::fmt;

use marty_events::OutboxRepository;

use super::{
    ListArguments,
    letter::{Summary, no_such},
};
use crate::{
    exit::Exit,
    failure::Result,
    output::{Output, or_dash, table, write},
    plain::plain,
};

/// One object a line for programs, and one table for people.
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

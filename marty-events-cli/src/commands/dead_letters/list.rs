use super::{
    ListArguments,
    letters::{COLUMNS, Letter, Letters, no_such},
};
use crate::{
    exit::Exit,
    failure::Result,
    output::{self, Output, table},
    plain::plain,
};

/// One object a line for programs, and one table for people.
pub(super) async fn run(arguments: &ListArguments, letters: &impl Letters, output: Output) -> Result<Exit> {
    let last = match &arguments.after {
        Some(id) => Some(letters.find(&letters.id(id)?, false).await?.ok_or_else(|| no_such(id))?),
        None => None,
    };
    let page = letters.page(&arguments.filter, last.as_ref(), arguments.limit).await?;
    if output.is_json() {
        page.iter().try_for_each(output::object)?;
    } else if page.is_empty() {
        output.remark("no dead letters");
    } else {
        let text = table(COLUMNS, page.iter().map(Letter::row));
        output::write(format!("{text}\n").as_bytes())?;
    }
    let is_full = u32::try_from(page.len()) == Ok(arguments.limit);
    if let Some(last) = page.last().filter(|_| is_full) {
        output.remark(&format!("there may be more: --after {}", plain(&last.event_id())));
    }
    Ok(Exit::Done)
}

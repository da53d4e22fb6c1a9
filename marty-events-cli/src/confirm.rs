use std::io::{self, IsTerminal, Write};

use crate::{
    exit::Exit,
    failure::{Failure, Result},
};

/// Asks before data is lost for good. Without a terminal, data that was named one by one needs no `--yes`; everything else
/// does.
pub(crate) fn confirm(question: &str, yes: bool, is_named: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let refusal = Failure::new(Exit::Refused, format!("{question} There is no terminal to ask on"));
        return if is_named { Ok(()) } else { Err(refusal.advise("give --yes to go on")) };
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, "nothing was changed"))
}

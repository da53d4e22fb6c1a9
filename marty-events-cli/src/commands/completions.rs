use clap::Command;
use clap_complete::Shell;

use crate::{exit::Exit, failure::Result, output::write};

/// Prints the completions of `command`, the whole command line.
pub(crate) fn run(shell: Shell, mut command: Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "marty-events", &mut script);
    write(&script)?;
    Ok(Exit::Done)
}

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{arguments::Arguments, exit::Exit, failure::Result, output::write};

pub(crate) fn run(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "marty-events", &mut script);
    write(&script)?;
    Ok(Exit::Done)
}

use std::path::PathBuf;

use clap::{Args, Command};

use crate::{
    exit::Exit,
    failure::{Failure, Result},
    output::write,
};

#[derive(Debug, Args)]
pub(crate) struct ManualArguments {
    /// A directory for the pages of all commands: `marty-events.1`, `marty-events-relay.1` and so on [default: standard output, and one page].
    #[arg(long, value_name = "DIRECTORY")]
    to: Option<PathBuf>,
}

/// Prints or writes the pages of `command`, the whole command line.
pub(crate) fn run(arguments: &ManualArguments, command: Command) -> Result<Exit> {
    if let Some(directory) = &arguments.to {
        clap_mangen::generate_to(command, directory).map_err(|error| {
            Failure::new(Exit::Failed, format!("the pages could not be written to {}", directory.display()))
                .because(&error)
                .advise("name a directory that exists and that you may write")
        })?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    write(&page)?;
    Ok(Exit::Done)
}

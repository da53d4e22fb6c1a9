//! `marty-events`: the outbox's tables, the relay as a process of its own, and a look into both.

mod arguments;
mod commands;
mod confirm;
mod console;
mod database;
mod exit;
mod failure;
mod kafka;
mod output;
mod plain;
mod progress;
mod serve;
mod stop;
mod time;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::log(commands::log_level(&arguments));
    let output = output::Output::new(arguments.json);
    match commands::run(arguments, output).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

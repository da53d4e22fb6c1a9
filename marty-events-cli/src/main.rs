//! `marty-events`: the outbox's tables, the relay as a process of its own, and a view of both.
//!
//! It uses the public API of the library alone. A module uses only modules below it:
//!
//! ```text
//! main                                        parses the arguments, runs the command
//! arguments                                   the command line and its help
//! commands   console                          one file or folder each
//! database   rights   kafka   serve           the outbox and rights on it, the brokers, HTTP for a relay
//! shared   output   confirm   progress        options of every command; the dialogue with people and programs
//! failure   stop   lanes                      errors with advice, signals, texts about lanes
//! exit   payload   plain   time   variables   exit codes, records' values, harmless texts, durations, misspelt variables
//! ```

#[cfg(not(any(feature = "postgres", feature = "mysql", feature = "sqlite")))]
compile_error!("the command needs a database; enable the feature `postgres`, `mysql` or `sqlite`");

mod arguments;
mod commands;
mod confirm;
mod console;
mod database;
mod exit;
mod failure;
mod kafka;
mod lanes;
mod output;
mod payload;
mod plain;
mod progress;
mod rights;
mod serve;
mod shared;
mod stop;
mod time;
mod variables;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tracing_subscriber::filter::LevelFilter;

use arguments::{Arguments, Command};
use commands::{
    catalogue, cleanup, completions, dead_letters, doctor, manual, migrate, relay, replay, status, tail, topics,
};
use exit::Exit;
use failure::Result;
use output::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::log(log_level(&arguments));
    let output = Output::new(arguments.shared.json);
    let shared = arguments.shared.clone();
    match run(arguments, output).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let failure =
                if failure.lacks_rights { database::lacking(&shared).await.unwrap_or(failure) } else { failure };
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

/// The log level of a command. A relay and the console log their work; the other commands answer.
fn log_level(arguments: &Arguments) -> LevelFilter {
    match &arguments.command {
        Command::Relay(relay) if !relay.has_bar() => LevelFilter::INFO,
        // The log names the session of each change.
        Command::Console(_) => LevelFilter::INFO,
        // A shaky connection is part of the answer.
        Command::Doctor(_) | Command::Replay(_) | Command::Tail(_) | Command::Topics(_) => LevelFilter::ERROR,
        _ => LevelFilter::WARN,
    }
}

async fn run(arguments: Arguments, output: Output) -> Result<Exit> {
    let shared = &arguments.shared;
    tell_misspelt(&arguments.command, output);
    match arguments.command {
        Command::Migrate(migrate) => migrate::run(&migrate, shared, output).await,
        Command::Relay(relay) => relay::run(relay, shared, output).await,
        Command::Status(status) => status::run(status, shared, output).await,
        Command::Tail(tail) => tail::run(tail, shared, output).await,
        Command::Replay(replay) => replay::run(replay, shared, output).await,
        Command::DeadLetters(command) => dead_letters::run(command, shared, output).await,
        Command::Cleanup(cleanup) => cleanup::run(&cleanup, shared, output).await,
        Command::Doctor(doctor) => doctor::run(&doctor, shared, output).await,
        Command::Console(console) => console::serve(console, shared, output).await,
        Command::Catalogue(command) => catalogue::run(&command, output),
        Command::Topics(command) => topics::run(command, shared, output).await,
        Command::Completions { shell } => completions::run(shell, Arguments::command()),
        Command::Man(manual) => manual::run(&manual, Arguments::command()),
    }
}

/// Points out misspelt variables to the user of a command that reads the environment as a service does. `doctor` reports them itself.
fn tell_misspelt(command: &Command, output: Output) {
    for variable in variables::misspelt() {
        match command {
            Command::Relay(_) => tracing::warn!("{}", variable.in_words()),
            Command::Replay(_) | Command::Tail(_) | Command::Topics(_) => output.remark(&variable.in_words()),
            _ => return,
        }
    }
}

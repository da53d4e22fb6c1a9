//! What each command does, one file a command.

pub(crate) mod cleanup;
pub(crate) mod completions;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod manual;
pub(crate) mod migrate;
pub(crate) mod relay;
pub(crate) mod relay_settings;
pub(crate) mod status;
pub(crate) mod tail;

use tracing_subscriber::filter::LevelFilter;

use crate::{
    arguments::{Arguments, Command},
    console,
    exit::Exit,
    failure::Result,
    output::Output,
};

/// How much a command logs: a relay tells what it does, the others answer.
pub(crate) fn log_level(arguments: &Arguments) -> LevelFilter {
    match &arguments.command {
        Command::Relay(relay) if !relay.has_bar() => LevelFilter::INFO,
        // Who did what.
        Command::Console(_) => LevelFilter::INFO,
        // A connection that is shaky is the answer itself, or in it.
        Command::Doctor(_) | Command::Tail(_) => LevelFilter::ERROR,
        _ => LevelFilter::WARN,
    }
}

pub(crate) async fn run(arguments: Arguments, output: Output) -> Result<Exit> {
    let shared = &arguments.shared;
    match arguments.command {
        Command::Migrate => migrate::run(shared, output).await,
        Command::Relay(relay) => relay::run(relay, shared, output).await,
        Command::Status => status::run(shared, output).await,
        Command::Tail(tail) => tail::run(tail, shared, output).await,
        Command::DeadLetters(command) => dead_letters::run(command, shared, output).await,
        Command::Cleanup(cleanup) => cleanup::run(&cleanup, shared, output).await,
        Command::Doctor(doctor) => doctor::run(&doctor, shared, output).await,
        Command::Console(console) => console::serve(console, shared, output).await,
        Command::Completions { shell } => completions::run(shell),
        Command::Man(manual) => manual::run(&manual),
    }
}

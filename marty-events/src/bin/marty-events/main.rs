//! `marty-events`: the outbox's tables, the relay as a process of its own, and a look into both.
//!
//! Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.

mod commands;
mod console;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use marty_events::{
    OutboxRelay,
    outbox::{OutboxPool, OutboxTable},
};
use tracing_subscriber::filter::LevelFilter;
use uuid::Uuid;

/// The outbox of marty-events: its tables, its relay, its dead letters.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The outbox database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// The outbox table, also schema.table.
    #[arg(long, env = "EVENT_OUTBOX_TABLE", default_value = "event_outbox", global = true)]
    table: String,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create the outbox's tables, or bring them up to date.
    Migrate,
    /// Carry events to Kafka until SIGINT or SIGTERM; configured by the environment, as a service is.
    Relay(settings::RelaySettings),
    /// Count what waits, what is dead and what was delivered.
    Status,
    /// Look at the events that the broker refused for good, put them back, or delete them.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Serve a web page on the outbox until SIGINT or SIGTERM: how it stands, and its dead letters.
    Console(console::ConsoleSettings),
}

#[derive(Subcommand)]
enum DeadLetters {
    /// The first of them, with the reason.
    List {
        /// How many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Put them back at the end of the outbox, with the ids they have.
    Requeue {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<Uuid>,
    },
    /// Delete them for good.
    Discard {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<Uuid>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let url = arguments.database_url.ok_or("no database: set DATABASE_URL, or give --database-url")?;
    let pool = OutboxPool::connect_lazy(&url)?;
    let table = OutboxTable::parse(&arguments.table)?;
    let repository = marty_events::OutboxRepository::new(&pool).table(table.clone());
    match arguments.command {
        Command::Migrate => commands::migrate(&pool, &table, arguments.json).await,
        Command::Relay(settings) => {
            let listen = settings.listen.clone();
            commands::relay(settings.apply(OutboxRelay::builder(&pool)), listen.as_deref()).await
        }
        Command::Status => commands::status(&repository, arguments.json).await,
        Command::DeadLetters(DeadLetters::List { limit }) => {
            commands::list_dead_letters(&repository, limit, arguments.json).await
        }
        Command::DeadLetters(DeadLetters::Requeue { ids }) => {
            commands::changed("requeued", repository.requeue(&ids).await?, arguments.json);
            Ok(())
        }
        Command::DeadLetters(DeadLetters::Discard { ids }) => {
            commands::changed("discarded", repository.discard(&ids).await?, arguments.json);
            Ok(())
        }
        Command::Console(settings) => console::serve(settings, repository, arguments.json).await,
    }
}

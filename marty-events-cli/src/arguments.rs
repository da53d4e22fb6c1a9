//! The command line and its help.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        catalogue::CatalogueCommand, cleanup::CleanupArguments, dead_letters::DeadLetters, doctor::DoctorArguments,
        manual::ManualArguments, migrate::MigrateArguments, relay::RelayArguments, replay::ReplayArguments,
        status::StatusArguments, tail::TailArguments, topics::TopicsCommand,
    },
    console::ConsoleSettings,
    exit,
    shared::Shared,
};

/// The outbox of marty-events: its tables, its relay, its dead letters.
#[derive(Debug, Parser)]
#[command(
    version,
    name = "marty-events",
    after_help = exit::TABLE,
    disable_help_flag = true,
    disable_version_flag = true,
    propagate_version = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create the tables of the outbox or the inbox, or bring them up to date. Safe to run again, and from several places at once.
    #[command(
        after_help = "Examples:\n  marty-events migrate --database-url postgres://app@db/app --table ledger.outbox\n  marty-events migrate --inbox"
    )]
    Migrate(MigrateArguments),
    /// Carry events to Kafka until SIGINT or SIGTERM, or until the outbox is empty; configured by the environment, as a
    /// service is.
    #[command(
        override_usage = "marty-events relay [OPTIONS]\n       marty-events relay [OPTIONS] --drain [--within <TIME>]",
        after_help = "Examples:\n  KAFKA_BROKERS=kafka-1:9092 marty-events relay --keep-published 24h\n  marty-events relay --drain --within 10m"
    )]
    Relay(RelayArguments),
    /// Count pending events, dead letters and delivered events; list the relays with their lanes, and groups of consumers.
    #[command(
        after_help = "Examples:\n  marty-events status --json | jq .pending\n  marty-events status --group status-list"
    )]
    Status(StatusArguments),
    /// Follow published events: the records of Kafka topics, or the rows of the outbox.
    #[command(
        override_usage = "marty-events tail [OPTIONS] [TOPIC]...\n       marty-events tail [OPTIONS] --group <GROUP> [TOPIC]...\n       marty-events tail [OPTIONS] --outbox",
        after_help = "Examples:\n  marty-events tail marty.audit.events --from beginning --no-follow\n  marty-events tail '^marty\\.users\\.' --type user_created --payload\n  marty-events tail --group status-list --no-follow\n  marty-events tail --outbox --limit 10"
    )]
    Tail(TailArguments),
    /// List the events that the broker refused for good, or that a group has given up; requeue, empty or delete them.
    #[command(
        after_help = "Examples:\n  marty-events dead-letters list --topic marty.users.user.created\n  marty-events dead-letters requeue --all\n  marty-events dead-letters --group status-list list"
    )]
    DeadLetters(DeadLetters),
    /// Let a group of consumers read records again. Refused as long as a consumer of the group runs.
    #[command(
        after_help = "Examples:\n  marty-events replay --group status-list --topic marty.audit.events --from beginning --dry-run\n  marty-events replay --group status-list --topic marty.audit.events --from 2026-03-01T09:15:00Z --forget"
    )]
    Replay(ReplayArguments),
    /// Delete old dead letters and old delivered events that were kept, in small steps.
    #[command(
        override_usage = "marty-events cleanup [OPTIONS] --dead-letters <AGE> [--published <AGE>]\n       marty-events cleanup [OPTIONS] --published <AGE>",
        after_help = "Example:\n  marty-events cleanup --dead-letters 30d --published 24h"
    )]
    Cleanup(CleanupArguments),
    /// Check configuration, database, broker and relays, and give advice on each fault.
    #[command(
        after_help = "Examples:\n  marty-events doctor\n  marty-events doctor --max-age 5m --strict --json\n  marty-events doctor --explain lanes"
    )]
    Doctor(DoctorArguments),
    /// Serve web pages on the outbox until SIGINT or SIGTERM: backlog, relays and dead letters.
    #[command(after_help = "Example:\n  marty-events console --listen 127.0.0.1:8787 --read-only")]
    Console(ConsoleSettings),
    /// Show files of events, compare them, or make documents of them. Needs neither a database nor a broker.
    #[command(
        subcommand,
        after_help = "Examples:\n  marty-events catalogue show events.json\n  marty-events catalogue diff old.json events.json"
    )]
    Catalogue(CatalogueCommand),
    /// Compare the topics of a file with those of the cluster, or create the missing ones. Never deletes, and never shrinks.
    #[command(
        subcommand,
        after_help = "Examples:\n  marty-events topics plan events.json\n  marty-events topics apply events.json --partitions 6 --replication 3 --config min.insync.replicas=2"
    )]
    Topics(TopicsCommand),
    /// Print the completions of a shell.
    #[command(after_help = "Example:\n  marty-events completions bash > /etc/bash_completion.d/marty-events")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all the commands into a directory.
    #[command(
        override_usage = "marty-events man\n       marty-events man --to <DIRECTORY>",
        after_help = "Examples:\n  marty-events man | man -l -\n  marty-events man --to /usr/local/share/man/man1"
    )]
    Man(ManualArguments),
}

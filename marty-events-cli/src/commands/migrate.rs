use std::fmt;

use clap::Args;
use marty_events::{inbox, outbox};
use serde::Serialize;

use crate::{
    database::{GroupTable, Outbox},
    exit::Exit,
    failure::{Failure, Result, granting},
    output::Output,
    rights,
    shared::Shared,
};

#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    /// Create the tables of the inbox, for a service that handles events; and not those of the outbox, unless --outbox is given too.
    #[arg(long)]
    inbox: bool,
    /// Create the tables of the outbox [default: unless --inbox is given].
    #[arg(long)]
    outbox: bool,
    #[command(flatten)]
    group: GroupTable,
}

#[derive(Serialize)]
struct Migrated {
    table: String,
    #[serde(skip)]
    part: &'static str,
    #[serde(rename = "migrated")]
    is_done: bool,
}

pub(crate) async fn run(arguments: &MigrateArguments, shared: &Shared, output: Output) -> Result<Exit> {
    // The name of an inbox asks for one.
    let makes_inbox = arguments.inbox || arguments.group.is_named();
    let outbox = Outbox::reached(shared).await?;
    if arguments.outbox || !makes_inbox {
        let made = outbox::migrate_table(&outbox.pool, &outbox.table).await;
        answer("outbox", outbox.table.to_string(), made, &outbox, output).await?;
    }
    if makes_inbox {
        let table = arguments.group.table()?;
        let made = inbox::migrate_table(&outbox.pool, &table).await;
        answer("inbox", table.to_string(), made, &outbox, output).await?;
    }
    Ok(Exit::Done)
}

async fn answer(
    part: &'static str,
    table: String,
    made: std::result::Result<(), marty_events::EventError>,
    outbox: &Outbox,
    output: Output,
) -> Result<()> {
    if let Err(error) = made {
        let grant = rights::to_create(&error, &outbox.pool, &table).await;
        let failure = Failure::from(error);
        return Err(grant.into_iter().fold(failure, |failure, grant| failure.advise(granting("schema", &grant))));
    }
    output.answer(&Migrated { table, part, is_done: true })?;
    Ok(())
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}` is up to date", self.part, self.table)
    }
}

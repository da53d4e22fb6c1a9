use std::fmt;

use marty_events::outbox::migrate_table;
use serde::Serialize;

use crate::{database::Outbox, exit::Exit, failure::Result, output::Output, shared::Shared};

#[derive(Serialize)]
struct Migrated {
    table: String,
    migrated: bool,
}

pub(crate) async fn run(shared: &Shared, output: Output) -> Result<Exit> {
    let outbox = Outbox::reached(shared).await?;
    migrate_table(&outbox.pool, &outbox.table).await?;
    output.answer(&Migrated { table: outbox.table.to_string(), migrated: true })?;
    Ok(Exit::Done)
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the outbox `{}` is up to date", self.table)
    }
}

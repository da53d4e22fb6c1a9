use std::fmt;

use marty_events::outbox::migrate_table;
use serde::Serialize;

use crate::{
    database::Outbox,
    exit::Exit,
    failure::{Failure, Result, granting},
    output::Output,
    rights,
    shared::Shared,
};

#[derive(Serialize)]
struct Migrated {
    table: String,
    migrated: bool,
}

pub(crate) async fn run(shared: &Shared, output: Output) -> Result<Exit> {
    let outbox = Outbox::reached(shared).await?;
    if let Err(error) = migrate_table(&outbox.pool, &outbox.table).await {
        let grant = rights::to_create(&error, &outbox.pool, &outbox.table).await;
        let failure = Failure::from(error);
        return Err(grant.into_iter().fold(failure, |failure, grant| failure.advise(granting("schema", &grant))));
    }
    output.answer(&Migrated { table: outbox.table.to_string(), migrated: true })?;
    Ok(Exit::Done)
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the outbox `{}` is up to date", self.table)
    }
}

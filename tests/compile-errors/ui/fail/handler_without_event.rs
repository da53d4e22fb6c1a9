#![allow(unused)]

use marty_events::event_handlers;
use sqlx::{Postgres, Transaction};

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler]
    async fn revoked(&self, tx: &mut Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

#![allow(unused)]

use marty_events::event_handlers;
use sqlx::{Postgres, Transaction};

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler(topic = "audit.events")]
    async fn login(&self, tx: &mut Transaction<'_, Postgres>, event: u8) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

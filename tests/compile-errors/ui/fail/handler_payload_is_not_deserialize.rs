#![allow(unused)]

use marty_events::{Received, event_handlers};
use sqlx::{Postgres, Transaction};

struct Login;

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler(topic = "audit.events")]
    async fn login(&self, tx: &mut Transaction<'_, Postgres>, event: Received<Login>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

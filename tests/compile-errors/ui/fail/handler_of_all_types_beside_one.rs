#![allow(unused)]

use marty_events::{Received, event_handlers};
use sqlx::{Postgres, Transaction};

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler(topic = "audit.events", event_type = "user.login")]
    async fn login(&self, tx: &mut Transaction<'_, Postgres>, event: Received<u8>) -> Result<(), sqlx::Error> {
        Ok(())
    }

    #[event_handler(topic = "audit.events")]
    async fn all(&self, tx: &mut Transaction<'_, Postgres>, event: Received<u8>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

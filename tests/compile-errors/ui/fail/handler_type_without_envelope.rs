#![allow(unused)]

use marty_events::{Received, event_handlers};
use sqlx::{Postgres, Transaction};

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler(topic = "prices", event_type = "price", envelope = none)]
    async fn price(&self, tx: &mut Transaction<'_, Postgres>, event: Received<u8>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

#![allow(unused)]

use marty_events::{Received, event_handlers};
use sqlx::{Postgres, Transaction};

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler]
    async fn revoked<T: Send>(&self, tx: &mut Transaction<'_, Postgres>, event: Received<T>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

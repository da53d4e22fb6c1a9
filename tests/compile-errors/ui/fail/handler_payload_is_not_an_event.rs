#![allow(unused)]

use marty_events::{Received, event_handlers};
use sqlx::{Postgres, Transaction};

#[derive(serde::Deserialize)]
struct Login;

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler]
    async fn login(&self, tx: &mut Transaction<'_, Postgres>, event: Received<Login>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

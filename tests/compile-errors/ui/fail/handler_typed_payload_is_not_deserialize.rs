#![allow(unused)]

use marty_events::{DomainEvent, Received, event_handlers};
use sqlx::{Postgres, Transaction};

#[derive(serde::Serialize, serde::Deserialize, DomainEvent)]
#[event(service = "certificates", aggregate_type = "certificate", event_type = "revoked")]
struct Revoked {
    #[event(id)]
    serial: u64,
}

#[derive(serde::Serialize, DomainEvent)]
#[event(service = "certificates", aggregate_type = "certificate", event_type = "written")]
struct Written {
    #[event(id)]
    serial: u64,
}

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler]
    async fn revoked(&self, tx: &mut Transaction<'_, Postgres>, event: Received<Written>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

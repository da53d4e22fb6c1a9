#![allow(unused)]

use marty_events::{DomainEvent, Received, event_handlers};
use sqlx::PgPool;

#[derive(serde::Serialize, serde::Deserialize, DomainEvent)]
#[event(service = "certificates", aggregate_type = "certificate", event_type = "revoked")]
struct Revoked {
    #[event(id)]
    serial: u64,
}

struct StatusList;

#[event_handlers]
impl StatusList {
    #[event_handler]
    async fn revoked(&self, pool: &PgPool, event: Received<Revoked>) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

fn main() {}

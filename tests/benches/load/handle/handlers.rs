use marty_events::{DomainEvent, Received, event_handlers};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, Transaction};

use crate::{Failure, stage::KEYS};

/// A key of none of the other events.
pub(super) const POISON: usize = KEYS;

/// The data of an event, as far as the handlers ask for it.
#[derive(Serialize, Deserialize, DomainEvent)]
#[event(service = "load", aggregate_type = "account", event_type = "moved")]
pub(super) struct Moved {
    #[event(id)]
    pub(super) number: i64,
}

/// A row for each event.
pub(super) struct Effects;

/// The same, with a failure for each event of [`POISON`].
pub(super) struct Picky;

/// A statement for all rows of a batch.
pub(super) struct Batches;

#[event_handlers]
impl Effects {
    #[event_handler]
    async fn moved(&self, tx: &mut Transaction<'_, Postgres>, event: Received<Moved>) -> Result<(), sqlx::Error> {
        write(tx, event.number).await
    }
}

#[event_handlers]
impl Picky {
    #[event_handler]
    async fn moved(&self, tx: &mut Transaction<'_, Postgres>, event: Received<Moved>) -> Result<(), Failure> {
        write(tx, event.number).await?;
        if event.key().and_then(|key| key.parse().ok()) == Some(POISON) {
            return Err("poison".into());
        }
        Ok(())
    }
}

#[event_handlers]
impl Batches {
    #[event_handler]
    async fn moved(&self, tx: &mut Transaction<'_, Postgres>, events: Vec<Received<Moved>>) -> Result<(), sqlx::Error> {
        write_all(tx, events.iter().map(|event| event.number).collect()).await
    }
}

pub(super) async fn write(tx: &mut Transaction<'_, Postgres>, number: i64) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO effects (number) VALUES ($1)").bind(number).execute(&mut **tx).await.map(drop)
}

pub(super) async fn write_all(tx: &mut Transaction<'_, Postgres>, numbers: Vec<i64>) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO effects (number) SELECT unnest($1::bigint[])";
    sqlx::query(sql).bind(numbers).execute(&mut **tx).await.map(drop)
}

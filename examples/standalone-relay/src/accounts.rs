//! The service's work: bookings of eight accounts.

use std::{collections::BTreeMap, ops::Range};

use examples_common::Received;
use marty_events::{EventError, domain_event};
use sqlx::{Sqlite, SqlitePool, Transaction};

#[derive(Debug, thiserror::Error)]
pub(crate) enum BookingError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Event(#[from] EventError),
}

#[domain_event(aggregate_type = "account", event_type = "account_booked", aggregate_id_field = "account", data(number))]
async fn enter(tx: &mut Transaction<'_, Sqlite>, account: &str, number: u64) -> Result<(), BookingError> {
    let insert = sqlx::query("INSERT INTO bookings (number, account) VALUES (?, ?)").bind(number.cast_signed());
    insert.bind(account).execute(&mut **tx).await?;
    Ok(())
}

pub(crate) async fn create_table(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    let table = "CREATE TABLE bookings (number INTEGER PRIMARY KEY, account TEXT NOT NULL)";
    sqlx::query(table).execute(pool).await.map(drop)
}

/// Bookings with these numbers, one account after the other, each in a transaction.
pub(crate) async fn book(pool: &SqlitePool, numbers: Range<u64>) -> Result<(), BookingError> {
    for number in numbers {
        let mut tx = pool.begin().await?;
        enter(&mut tx, &format!("account-{}", number % 8), number).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The bookings of every account came in the order in which they were made.
pub(crate) fn in_order(events: &[Received]) -> bool {
    let mut last = BTreeMap::new();
    events.iter().all(|event| {
        let number = event.payload()["event_data"]["number"].as_u64();
        last.insert(&event.key, number) < Some(number)
    })
}

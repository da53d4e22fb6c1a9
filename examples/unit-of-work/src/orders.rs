//! Methods with a unit of work: one that takes it as an argument, and ones that have it in `self`.

use marty_events::{EventError, domain_event};

use crate::unit::UnitOfWork;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("{0} is unknown")]
    Unknown(String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Event(#[from] EventError),
}

/// Found by its type, as `&mut sqlx::Transaction` would be.
#[domain_event(aggregate_type = "order", event_type = "order_placed", aggregate_id_field = "id", data(cents))]
pub(crate) async fn place(unit: &mut UnitOfWork, id: &str, cents: i64) -> Result<(), OrderError> {
    let insert = sqlx::query("INSERT INTO orders (id, cents) VALUES (?, ?)").bind(id).bind(cents);
    insert.execute(unit.connection()).await?;
    Ok(())
}

/// A repository that lives as long as its unit of work.
pub(crate) struct Orders {
    pub(crate) uow: UnitOfWork,
}

impl Orders {
    /// No argument's type shows a handle inside `self`, so the attribute names it.
    #[domain_event(
        aggregate_type = "order",
        event_type = "order_paid",
        aggregate_id_field = "id",
        transaction = self.uow
    )]
    pub(crate) async fn pay(&mut self, id: &str) -> Result<(), OrderError> {
        let update = sqlx::query("UPDATE orders SET paid = true WHERE id = ?").bind(id);
        match update.execute(self.uow.connection()).await?.rows_affected() {
            0 => Err(OrderError::Unknown(id.to_owned())),
            _ => Ok(()),
        }
    }
}

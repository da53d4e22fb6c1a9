//! Handlers written by hand, as the attribute writes them: each event of the topic `entries` leaves a row in the table `effects`.

mod store;

use std::{pin::Pin, sync::Arc, time::Duration};

use marty_events::{
    __private::handler::{EventSelection, HandlerDescription, HandlerFailure, HandlerFuture, Incoming, Unit},
    EventHandlers,
    consumer::Delivery,
};
use sqlx::{Postgres, Transaction};

pub use store::{EffectsDatabase, EffectsStore};

/// The topic, after the prefix.
pub const TOPIC: &str = "entries";
/// The type of the events.
pub const EVENT_TYPE: &str = "entry_posted";

/// The error of a handler.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
/// The answer of a handler.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), Failed>> + Send + 'a>>;
type Behaviour<DB> = Arc<dyn for<'a> Fn(Entry, &'a mut Transaction<'static, DB>) -> Answer<'a> + Send + Sync>;

/// The event that a handler has.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its place in the key's order.
    pub number: i64,
    /// The number of this call.
    pub attempt: u32,
}

/// A handler of one event that writes its effect, and then behaves as it is told.
pub struct Effects<DB: EffectsDatabase = Postgres> {
    name: String,
    behaviour: Behaviour<DB>,
}

/// The same for batches.
#[derive(Debug)]
pub struct BatchEffects<DB: EffectsDatabase = Postgres>(pub Effects<DB>);

impl<DB: EffectsDatabase> std::fmt::Debug for Effects<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Effects").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<DB: EffectsDatabase> Effects<DB> {
    /// With the name of the process, and the part of a call after the effect was written.
    pub fn new(
        name: &str,
        behaviour: impl for<'a> Fn(Entry, &'a mut Transaction<'static, DB>) -> Answer<'a> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_owned(), behaviour: Arc::new(behaviour) }
    }

    /// Every call takes this time.
    #[must_use]
    pub fn taking(name: &str, time: Duration) -> Self {
        Self::new(name, move |_, _| {
            Box::pin(async move {
                tokio::time::sleep(time).await;
                Ok(())
            })
        })
    }

    async fn run(&self, tx: &mut Transaction<'static, DB>, delivery: &Delivery) -> Result<(), HandlerFailure> {
        let entry = entry(delivery);
        let written = DB::write(tx, &entry, &self.name).await;
        written.map_err(|error| HandlerFailure::Failed(Box::new(error)))?;
        (self.behaviour)(entry, tx).await.map_err(HandlerFailure::Failed)
    }
}

const fn description(is_batch: bool) -> HandlerDescription {
    HandlerDescription {
        name: "effect",
        events: EventSelection::Named { topic: TOPIC, event_types: &[EVENT_TYPE] },
        attempts: None,
        timeout: None,
        has_inbox: true,
        is_batch,
        has_envelope: true,
    }
}

impl<DB: EffectsDatabase> EventHandlers<DB> for Effects<DB> {
    const HANDLERS: &'static [HandlerDescription] = &[description(false)];

    fn call<'a>(&'a self, _: usize, unit: &'a mut Unit<DB>, records: Vec<Incoming>) -> HandlerFuture<'a> {
        Box::pin(async move {
            for record in records {
                self.run(DB::transaction(unit)?, &record.delivery).await?;
            }
            Ok(())
        })
    }
}

impl<DB: EffectsDatabase> EventHandlers<DB> for BatchEffects<DB> {
    const HANDLERS: &'static [HandlerDescription] = &[description(true)];

    fn call<'a>(&'a self, index: usize, unit: &'a mut Unit<DB>, records: Vec<Incoming>) -> HandlerFuture<'a> {
        EventHandlers::call(&self.0, index, unit, records)
    }
}

fn entry(delivery: &Delivery) -> Entry {
    let value: serde_json::Value =
        delivery.value.as_deref().and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default();
    Entry {
        key: String::from_utf8_lossy(delivery.key.as_deref().unwrap_or_default()).into_owned(),
        number: value["payload"]["number"].as_i64().unwrap_or(-1),
        attempt: delivery.attempt,
    }
}

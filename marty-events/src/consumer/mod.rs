//! Handlers of events: each record has its effect once, a key keeps its order, and a key that fails waits alone.
//!
//! [`#[event_handlers]`](crate::event_handlers) makes handlers of a type's methods, and [`EventConsumer`] calls them.
//!
//! One thread reads records (`GroupMember`) and puts them on the desk. Workers take them by their keys' lanes, and
//! each record ends in one transaction: its row in the inbox, the handler's writes and the events that it publishes; or its row among the
//! parked events. Only then does the offset move on.

mod builder;
mod calls;
mod counts;
mod envelope;
mod failure;
mod handler;
mod health;
mod live;
mod parked;
pub(crate) mod payload;
mod received;
#[cfg(feature = "testing")]
mod rehearsal;
mod retention;
mod routes;
mod run;
mod running;
mod selection;
mod settings;
mod work;

pub use builder::EventConsumerBuilder;
#[doc(hidden)]
pub use envelope::{Incoming, Opened};
pub use failure::{GiveUp, HandlerFailure};
pub use handler::{EventHandlers, HandlerDescription, HandlerFuture, HandlerHandle, Unit, is_doubled};
pub use health::{ConsumerHealth, ConsumerState};
pub use received::Received;
#[cfg(feature = "testing")]
pub use rehearsal::{Deliverable, NoPool, RawRecord, Rehearsal, RehearsalError, Rehearsed};
pub use run::EventConsumer;
pub use selection::EventSelection;

pub use crate::inbox::Delivery;

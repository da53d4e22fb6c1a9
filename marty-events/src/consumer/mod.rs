//! Handlers of events: each record has its effect once, a key keeps its order, and a key that fails waits alone.
//!
//! [`#[event_handlers]`](crate::event_handlers) makes handlers of a type's methods.

mod envelope;
mod failure;
mod handler;
pub(crate) mod payload;
mod received;
#[cfg(feature = "testing")]
mod rehearsal;
mod selection;

pub use failure::{GiveUp, HandlerFailure};
pub use handler::{EventHandlers, HandlerDescription, HandlerFuture, HandlerHandle, Unit};
pub use received::Received;
#[cfg(feature = "testing")]
pub use rehearsal::{Deliverable, NoPool, RawRecord, Rehearsal, RehearsalError, Rehearsed};
pub use selection::{EventSelection, is_doubled};

pub use crate::inbox::Delivery;

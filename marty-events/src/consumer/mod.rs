//! Handlers of events: each record has its effect once, a key keeps its order, and a key that fails waits alone.

mod failure;
mod handler;
mod received;

pub use crate::inbox::Delivery;
pub use failure::{GiveUp, HandlerFailure};
pub use handler::{EventHandlers, EventSelection, HandlerDescription, HandlerFuture, HandlerHandle, Unit};
pub use received::Received;

//! Handlers of events: each record has its effect once, a key keeps its order, and a key that fails waits alone.
//!
//! One thread reads records ([`GroupMember`](crate::kafka::GroupMember)) and puts them on the desk. Workers take them by their keys' lanes, and
//! each record ends in one transaction: its row in the inbox, the handler's writes and the events that it publishes; or its row among the
//! parked events. Only then does the offset move on.

mod builder;
mod calls;
mod failure;
mod handler;
mod health;
mod live;
mod opened;
mod parked;
mod received;
mod retention;
mod routes;
mod run;
mod running;
mod settings;
mod work;

pub use builder::EventConsumerBuilder;
pub use failure::{GiveUp, HandlerFailure};
pub use handler::{EventHandlers, EventSelection, HandlerDescription, HandlerFuture, HandlerHandle, Unit};
pub use health::{ConsumerHealth, ConsumerState};
pub use received::Received;
pub use run::EventConsumer;

pub use crate::inbox::Delivery;

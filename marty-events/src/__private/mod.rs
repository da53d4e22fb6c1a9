//! Items that generated code names. This is not a public interface: anything here changes without notice.
//!
//! One expansion, shortened. `#[domain_event(.., on = "both", data(name))]` stands on
//! `async fn create(id: Uuid, name: String, tx: &mut Tx<'_>) -> Result<User, AppError>`:
//!
//! ```text
//! let id0 = id(&id);                               -> capture    ids and data, owned before the body moves an argument
//! let data0 = Data::object().field("name", &name); -> capture
//! let mut failures = Failures::new();              -> failures   the failure event, ready for a panic or a drop
//! failures.watch(domain_event(..), ..);            -> create, failures
//! let tag = Probe::of(&tx).tag();                  -> handle     ladder: the type of each argument becomes a tag
//! let (mut kept, lent) = tag.split(tx);            -> handle     accepted, or refused by a bound that does not hold
//! let out = {
//!     let tx = kept.lend(lent);                    -> handle     kept: the body borrows the handle
//!     poll_fn(|cx| failures.poll(body, cx)).await  -> failures   tells a panic from a drop
//! };
//! let waiting = Answer::new(out).wait()?;          -> outcome    `Ok`, or any other value: without the error's type, for the future
//! let batch = Batch::new().push(event).data(data0);-> batch      one entry an event; before the body, if nothing is known later only
//! let handle = kept.certain(());                   -> handle     checks, choice: the one handle among the arguments
//!     .doubt(hidden_handle::<T>);                  -> handle     hidden: types at run time, where no argument resembles a handle
//! let out = handle.hand_over(waiting, batch).await;-> handle     delivery: outbox or direct -> batch -> publisher
//!                                                  -> hand_over  the method's result, or the failure in its place
//! if let Some(error) = Returned::new(&out).failure() {
//!     failures.message(0, error_text(error));      -> failures
//!     failures.failed();                           -> failures   hands the failure events over, without waiting
//! }
//! out
//! ```
//!
//! A file uses only those below it: `handle`, `failures`; `batch`; `hand_over`, `capture`, `create`; `outcome`. `typed` stands apart:
//! the derives of events use it, and the attributes where an event stands first in them. So does `handler`, for `#[event_handlers]`.

#![allow(clippy::must_use_candidate, missing_docs, reason = "called by generated code only")]

#[cfg(feature = "_envelope")]
mod batch;
mod capture;
pub mod create;
mod describe;
#[cfg(feature = "_envelope")]
mod failures;
#[cfg(feature = "_envelope")]
mod hand_over;
#[cfg(feature = "_envelope")]
pub mod handle;
#[cfg(all(feature = "consumer", feature = "_database"))]
pub mod handler;
mod handles;
#[cfg(feature = "_envelope")]
pub mod outcome;
pub mod typed;

pub use crate::__marty_events_describe as describe;
pub use crate::__marty_events_handles as handles;
#[cfg(feature = "_envelope")]
pub use batch::Batch;
pub use capture::{ErrorText, EventId, EventText, error_text, failure_text, id, text};
#[cfg(feature = "_envelope")]
pub use failures::Failures;
#[cfg(feature = "_envelope")]
pub use hand_over::{CanFail, FromEventError, HandingOver};
#[cfg(feature = "_envelope")]
pub use outcome::{Answer, never};

#[cfg(feature = "catalogue")]
pub use inventory;

#[cfg(feature = "catalogue")]
pub use crate::event::catalogue::{Description, Published, SchemaOf, TypeDescription, Use, WithoutSchema, handled};
pub use crate::event::data::{Data, EventData};
pub use crate::event::{
    AuditEvent, AuditEventType, CustomEvent, DomainEvent, Event, EventOrdering, EventPriority, Json, NotificationEvent,
    NotificationEventType, RiskLevel,
};

/// Completes an event, drops it and answers its size. Benchmarks use it.
#[cfg(feature = "_envelope")]
pub fn completed(event: impl Into<crate::Event>) -> Result<usize, crate::EventError> {
    Ok(crate::publisher()?.complete(event.into())?.size())
}

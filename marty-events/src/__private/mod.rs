//! What generated code may name. No public interface: anything here changes without notice.

#![allow(clippy::must_use_candidate, missing_docs, reason = "called by generated code only")]

mod batch;
mod capture;
mod failures;
pub mod outcome;
pub mod probe;
mod recorded;
pub mod select;

pub use batch::{Batch, Builder};
pub use capture::{ErrorText, EventId, EventText, error_text, failure_text, id, text};
pub use failures::Failures;
pub use outcome::Answer;
pub use recorded::{CanFail, Directly, FromEventError, InTransaction, IsSilent, Recorded, Recording, Tells};

pub use crate::event::data::{Data, EventData};
pub use crate::event::{
    AuditEvent, CustomEvent, DomainEvent, EventOrdering, EventPriority, Json, NotificationEvent, RiskLevel,
};

/// Makes the complete event and lets go of it; answers its size. For measuring.
pub fn completed(event: impl Into<crate::Event>) -> Result<usize, crate::EventError> {
    Ok(crate::publisher()?.complete(event.into())?.size())
}

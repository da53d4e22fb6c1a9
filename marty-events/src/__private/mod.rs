//! What generated code may name. No public interface: anything here changes without notice.

#![allow(clippy::must_use_candidate, missing_docs, reason = "called by generated code only")]

mod batch;
mod capture;
mod failures;
mod hand_over;
pub mod handle;
pub mod outcome;

pub use batch::{Batch, Builder};
pub use capture::{Data, ErrorText, EventData, EventId, EventText, error_text, failure_text, id, text};
pub use failures::Failures;
pub use hand_over::{CanFail, Direct, FromEventError, HandOver, HandingOver, IsSilent, Outbox, Tells};
pub use outcome::Answer;

pub use crate::event::{
    AuditEvent, CustomEvent, DomainEvent, EventOrdering, EventPriority, Json, NotificationEvent, RiskLevel,
};

/// Makes the complete event and lets go of it; answers its size. For measuring.
pub fn completed(event: impl Into<crate::Event>) -> Result<usize, crate::EventError> {
    Ok(crate::publisher()?.complete(event.into())?.size())
}

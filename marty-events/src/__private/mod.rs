//! What generated code may name. No public interface: anything here changes without notice.

#![allow(clippy::must_use_candidate, missing_docs, reason = "called by generated code only")]

#[cfg(feature = "_envelope")]
mod batch;
mod capture;
#[cfg(feature = "_envelope")]
mod failures;
#[cfg(feature = "_envelope")]
pub mod outcome;
#[cfg(feature = "_envelope")]
pub mod probe;
#[cfg(feature = "_envelope")]
mod recorded;
#[cfg(feature = "_envelope")]
pub mod select;

#[cfg(feature = "_envelope")]
pub use batch::{Batch, Builder};
pub use capture::{Data, ErrorText, EventData, EventId, EventText, error_text, failure_text, id, text};
#[cfg(feature = "_envelope")]
pub use failures::Failures;
#[cfg(feature = "_envelope")]
pub use outcome::Answer;
#[cfg(feature = "_envelope")]
pub use recorded::{CanFail, Directly, FromEventError, InTransaction, IsSilent, Recorded, Recording, Tells};

pub use crate::event::{
    AuditEvent, CustomEvent, DomainEvent, EventOrdering, EventPriority, Json, NotificationEvent, RiskLevel,
};

/// Makes the complete event and lets go of it; answers its size. For measuring.
#[cfg(feature = "_envelope")]
pub fn completed(event: impl Into<crate::Event>) -> Result<usize, crate::EventError> {
    Ok(crate::publisher()?.complete(event.into())?.size())
}

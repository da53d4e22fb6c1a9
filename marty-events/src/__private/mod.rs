//! What generated code may name. No public interface: anything here changes without notice.

#![allow(clippy::must_use_candidate, missing_docs, reason = "called by generated code only")]

mod batch;
mod capture;
pub mod outcome;
pub mod probe;
pub mod select;

pub use batch::{Batch, Builder, CanFail, Directly, FromEventError, InTransaction, Recorded};
pub use capture::{Data, EventData, EventId, id};

pub use crate::event::{
    AuditEvent, CustomEvent, DomainEvent, EventOrdering, EventPriority, Json, NotificationEvent, RiskLevel,
};

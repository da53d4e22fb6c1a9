//! A member of a consumer group: one thread that reads records, keeps the member alive and hands partitions over.
//!
//! The thread alone speaks with the client, so that an offset is never stored between the end of a hand-over and the loss of its partition.
//! Workers finish records beside it. The client commits stored offsets by itself, again after a failure, and before a partition goes.

mod context;
mod headers;
mod intake;
mod member;
mod offsets;
mod properties;
mod start;

pub(crate) use intake::{Flow, Intake, Partition};
pub(crate) use member::GroupMember;
pub use properties::{GroupProtocol, StartAt};
pub(crate) use properties::{MemberSettings, refused_property};

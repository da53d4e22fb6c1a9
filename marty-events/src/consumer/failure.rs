use std::{error::Error, fmt};

use crate::DecodeError;

/// The error of a handler for which another try is of no use: the event becomes a dead letter of the group at once.
///
/// It may stand anywhere in the chain of sources of the error that a handler returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveUp(String);

impl GiveUp {
    /// With the reason, which the dead letter carries.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for GiveUp {}

/// The outcome of a call of a handler that did not succeed.
#[derive(Debug)]
pub enum HandlerFailure {
    /// The handler's own error.
    Failed(Box<dyn Error + Send + Sync>),
    /// The record is not an event that the handler's payload can be read from. Another try fails alike.
    Unreadable(DecodeError),
}

//! The changes that people make to dead letters.

use serde::Deserialize;

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    Requeue,
    Discard,
}

impl Change {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Requeue => "Requeue",
            Self::Discard => "Discard",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::Discard => "discard",
        }
    }

    /// The class of a button that makes the change: red where it is for good.
    pub(super) fn class(self) -> Option<&'static str> {
        matches!(self, Self::Discard).then_some("danger")
    }
}

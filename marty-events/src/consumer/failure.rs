use std::{error::Error, fmt};

use crate::DecodeError;

/// The error of a handler for which another try is of no use: the event becomes a dead letter of the group at once.
///
/// It may stand anywhere in the chain of sources of the error that a handler returns, also behind `#[error(transparent)]`.
///
/// ```
/// use marty_events::GiveUp;
///
/// fn authority(name: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     if name == "ours" { Ok(()) } else { Err(GiveUp::new("the authority is not ours").into()) }
/// }
/// # assert!(authority("theirs").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveUp(Sign);

/// The source of each [`GiveUp`], with the same text. A transparent error shows the source of the error that it stands for, and not that
/// error itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Sign(String);

impl GiveUp {
    /// With the reason, which the dead letter carries.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(Sign(reason.into()))
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for GiveUp {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// The outcome of a call of a handler that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerFailure {
    /// The handler's own error.
    #[error("the handler failed: {0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    /// The record is not an event that the handler's payload can be read from. Another try fails alike.
    #[error("the event cannot be read: {0}")]
    Unreadable(#[from] DecodeError),
    /// A handler that takes a transaction was called without one.
    #[error("the handler takes a transaction, and there is none")]
    NoTransaction,
    /// The object has no handler of this number.
    #[error("there is no such handler")]
    NoHandler,
}

impl HandlerFailure {
    /// True if another try is of no use: the record cannot be read, or [`GiveUp`] is among the causes.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Failed(error) => gives_up(error.as_ref()),
            Self::Unreadable(_) | Self::NoTransaction | Self::NoHandler => true,
        }
    }
}

fn gives_up(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Sign>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(Box<dyn Error + Send + Sync>);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Transparent(#[from] GiveUp);

    #[test]
    fn giving_up_is_found_behind_any_number_of_errors() {
        let wrapped = |error: Box<dyn Error + Send + Sync>| Box::new(Outer(error));
        let give_up = || Box::new(GiveUp::new("no such authority"));
        assert!(HandlerFailure::Failed(give_up()).is_final());
        assert!(HandlerFailure::Failed(wrapped(wrapped(give_up()))).is_final());
        assert!(HandlerFailure::Failed(Transparent(*give_up()).into()).is_final());
        assert!(!HandlerFailure::Failed(wrapped("give up".into())).is_final());
        assert!(!HandlerFailure::Failed("give up".into()).is_final());
    }
}

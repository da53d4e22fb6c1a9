//! Error types of other crates that a method may return, made of an [`EventError`].
//!
//! The caller's crate owns neither type, so it could not write these itself.

#[cfg(any(feature = "_database", feature = "tonic"))]
use super::EventError;

/// [`Encode`](sqlx::Error::Encode) is the variant that keeps a typed source and that no code takes for a lost connection.
/// The `EventError` is found again by `error.source()` and `downcast_ref::<EventError>()`.
#[cfg(feature = "_database")]
impl From<EventError> for sqlx::Error {
    fn from(error: EventError) -> Self {
        Self::Encode(Box::new(error))
    }
}

/// The status is sent to the caller, so its message has neither ids nor topics; the `EventError` is its
/// [`source`](std::error::Error::source), for the server's own log.
///
/// The code is `Aborted` where another transaction was in the way, `Unavailable` where the outbox's database was, and else `Internal`.
/// A direct event that was not delivered is `Internal` too: the method's work is done, and a client that repeats the call does it twice.
#[cfg(feature = "tonic")]
impl From<EventError> for tonic::Status {
    fn from(error: EventError) -> Self {
        let code = match &error {
            EventError::OrderingConflict { .. } | EventError::WriteConflict { .. } => tonic::Code::Aborted,
            EventError::Outbox { .. } if error.is_retryable() => tonic::Code::Unavailable,
            _ => tonic::Code::Internal,
        };
        let mut status = Self::new(code, "the event of this call was not published");
        status.set_source(std::sync::Arc::new(error));
        status
    }
}

#[cfg(test)]
#[cfg(feature = "_database")]
mod tests {
    use std::error::Error;

    use super::EventError;

    #[test]
    fn a_database_error_keeps_the_event_error_as_its_source() {
        let error = sqlx::Error::from(EventError::NotInTransaction);
        let source = error.source().and_then(<dyn Error>::downcast_ref::<EventError>);
        assert!(matches!(source, Some(EventError::NotInTransaction)), "{error:?}");
        assert!(!EventError::Outbox { operation: "write", source: Box::new(error) }.is_retryable());
    }

    #[cfg(feature = "tonic")]
    #[test]
    fn a_status_keeps_the_event_error_as_its_source_and_tells_the_caller_nothing_of_it() {
        let outbox = |source: sqlx::Error| EventError::Outbox { operation: "write", source: Box::new(source) };
        for (error, code) in [
            (outbox(sqlx::Error::PoolTimedOut), tonic::Code::Unavailable),
            (EventError::OrderingConflict { source: Box::new(sqlx::Error::PoolTimedOut) }, tonic::Code::Aborted),
            (outbox(sqlx::Error::RowNotFound), tonic::Code::Internal),
            (EventError::ShutDown, tonic::Code::Internal),
        ] {
            let text = error.to_string();
            let status = tonic::Status::from(error);
            let source = status.source().and_then(<dyn Error>::downcast_ref::<EventError>);
            assert_eq!(status.code(), code, "{text}");
            assert_eq!(source.map(ToString::to_string), Some(text));
            assert_eq!(status.message(), "the event of this call was not published");
        }
    }
}

//! Calls of handlers: a panic and a time-out are failures like an error.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use sqlx::Database;

use super::{EventHandlers, HandlerFailure, HandlerFuture, Incoming, Unit};
use crate::{EventError, database::Fault, error::OneLine};

/// The number of calls in a row that the database may get in the way of before that counts as a failure of the event: a handler may be at
/// fault for its deadlocks.
pub(super) const MOST_PASSING: u32 = 5;
/// The longest reason of a failure, in bytes.
const LONGEST_REASON: usize = 2_000;
/// The most causes of an error that are looked at.
const MOST_CAUSES: usize = 32;

/// Handlers whose type is forgotten.
pub(super) trait AnyHandlers<DB: Database>: Send + Sync + 'static {
    fn call<'a>(&'a self, index: usize, unit: &'a mut Unit<DB>, records: Vec<Incoming>) -> HandlerFuture<'a>;
}

impl<DB: Database, H: EventHandlers<DB>> AnyHandlers<DB> for H {
    fn call<'a>(&'a self, index: usize, unit: &'a mut Unit<DB>, records: Vec<Incoming>) -> HandlerFuture<'a> {
        EventHandlers::call(self, index, unit, records)
    }
}

/// A call that did not succeed.
#[derive(Debug)]
pub(super) enum CallFailure {
    Handler(HandlerFailure),
    Panicked(String),
    TimedOut(Duration),
    /// The handler passed over an error of the database that ended its transaction, or has ended it itself: nothing of it would be committed.
    Undone,
    /// A statement of the handler has committed the transaction, with the event's row. With the reason of the failure that came to it, if any.
    Committed(Option<String>),
    /// The transaction could not be ended: a constraint that is checked at the commit, or a connection that the server has closed.
    Unfinished(EventError),
}

/// The meaning of a failure for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The database was in the way, and nothing speaks against the event.
    Passing,
    /// One attempt is used up.
    Counted,
    /// Another try fails alike.
    Final,
}

/// Calls a handler, for `limit` at the most.
pub(super) async fn call<DB: Database>(
    handlers: &dyn AnyHandlers<DB>,
    index: usize,
    unit: &mut Unit<DB>,
    records: Vec<Incoming>,
    limit: Duration,
) -> Result<(), CallFailure> {
    let called = async { handlers.call(index, unit, records).await };
    match tokio::time::timeout(limit, caught(called)).await {
        Ok(Ok(answer)) => answer.map_err(CallFailure::Handler),
        Ok(Err(panic)) => Err(CallFailure::Panicked(panic)),
        Err(_) => Err(CallFailure::TimedOut(limit)),
    }
}

impl CallFailure {
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Handler(failure) if failure.is_final() => Verdict::Final,
            // A part of its effect is there, and would come twice.
            Self::Committed(_) => Verdict::Final,
            Self::Handler(HandlerFailure::Failed(error)) if causes(&**error).any(is_passing) => Verdict::Passing,
            Self::Unfinished(error) if is_passing(error) => Verdict::Passing,
            _ => Verdict::Counted,
        }
    }

    /// Its kind, for a span.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Handler(HandlerFailure::Unreadable(_)) => "unreadable",
            Self::Handler(_) => "failed",
            Self::Panicked(_) => "panicked",
            Self::TimedOut(_) => "timeout",
            Self::Undone => "undone",
            Self::Committed(_) => "committed",
            Self::Unfinished(_) => "unfinished",
        }
    }

    /// The reason for the dead letter, with the causes.
    pub(super) fn reason(&self) -> String {
        let mut reason = match self {
            Self::Handler(HandlerFailure::Failed(error)) => texts(&**error),
            Self::Unfinished(error) => texts(error),
            // The causes are JSON's, which quote the value.
            Self::Handler(failure) => failure.to_string(),
            Self::Panicked(text) => format!("the handler panicked: {text}"),
            Self::TimedOut(limit) => format!("the handler took longer than {limit:?}"),
            Self::Committed(failure) => {
                let failure = failure.as_ref().map_or_else(String::new, |failure| format!("; then {failure}"));
                format!(
                    "the transaction was committed by a statement of the handler, as every change of a table's form is in MySQL and MariaDB: \
                     some effects of the call are there, and a requeue has them twice{failure}"
                )
            }
            Self::Undone => {
                "the transaction had ended before its commit: by an error of the database that the handler passed over, or by a statement of the handler's".to_owned()
            }
        };
        // PostgreSQL has no such letter in a text.
        reason = OneLine(&reason).to_string();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        reason
    }
}

/// The answer of a future, or the message of its panic.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = Contained(Some(Box::pin(future)));
    poll_fn(move |context| {
        let Some(future) = &mut future.0 else { return Poll::Pending };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
            // The future is dropped and never polled again.
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    })
    .await
}

/// A future that may panic when it is dropped: after a time-out, that would end the worker, and again at each start.
struct Contained<F>(Option<Pin<Box<F>>>);

impl<F> Drop for Contained<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
            tracing::warn!(panic = message(&*panic), "a handler panicked when it was dropped");
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

fn causes(error: Cause<'_>) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(Some(error), |error| error.source()).take(MOST_CAUSES)
}

/// True for a database that was away or in which another transaction came first.
fn is_passing(error: Cause<'_>) -> bool {
    if let Some(error) = error.downcast_ref::<sqlx::Error>() {
        return Fault::of(error).is_passing();
    }
    match error.downcast_ref::<EventError>() {
        Some(EventError::OrderingConflict { .. } | EventError::WriteConflict { .. }) => true,
        Some(error @ (EventError::Outbox { .. } | EventError::Inbox { .. })) => error.is_retryable(),
        _ => false,
    }
}

/// The texts of an error and its causes, without repetitions.
fn texts(error: Cause<'_>) -> String {
    let mut texts = String::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !texts.ends_with(&text) {
            if !texts.is_empty() {
                texts.push_str(": ");
            }
            texts.push_str(&text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::GiveUp;

    #[derive(Debug)]
    struct Wrapped<E>(E);

    impl<E> fmt::Display for Wrapped<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the work failed")
        }
    }

    impl<E: std::error::Error + 'static> std::error::Error for Wrapped<E> {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    fn failed(error: impl std::error::Error + Send + Sync + 'static) -> CallFailure {
        CallFailure::Handler(HandlerFailure::Failed(Box::new(error)))
    }

    #[test]
    fn the_chain_of_an_error_says_if_another_try_helps() {
        for (failure, verdict) in [
            (failed(Wrapped(Wrapped(GiveUp::new("no such account")))), Verdict::Final),
            (failed(GiveUp::new("no such account")), Verdict::Final),
            (failed(Wrapped(sqlx::Error::PoolTimedOut)), Verdict::Passing),
            (
                failed(Wrapped(EventError::OrderingConflict { source: Box::new(sqlx::Error::PoolTimedOut) })),
                Verdict::Passing,
            ),
            (failed(Wrapped(sqlx::Error::RowNotFound)), Verdict::Counted),
            // A server of the handler's own is not the consumer's database.
            (failed(std::io::Error::from(std::io::ErrorKind::TimedOut)), Verdict::Counted),
            (CallFailure::Panicked("oh".to_owned()), Verdict::Counted),
            (CallFailure::TimedOut(Duration::from_secs(1)), Verdict::Counted),
        ] {
            assert_eq!(failure.verdict(), verdict, "{failure:?}");
        }
    }

    #[test]
    fn a_reason_has_the_causes_in_one_line_and_an_end() {
        let failure = failed(Wrapped(GiveUp::new("no\nsuch account")));
        assert_eq!(failure.reason(), "the work failed: no\\nsuch account");
        let long = failed(GiveUp::new("ä".repeat(3_000)));
        assert!(long.reason().len() <= LONGEST_REASON && long.reason().starts_with('ä'));
    }

    #[tokio::test]
    async fn a_panic_is_caught_with_its_message() {
        let number = || 3;
        let answer = caught(async { assert!(number() == 4, "three and not {}", 4) }).await;
        assert_eq!(answer, Err("three and not 4".to_owned()));
        assert_eq!(caught(async { 3 }).await, Ok(3));
    }

    #[tokio::test]
    async fn a_panic_at_the_end_of_a_time_out_is_caught() {
        struct Guard;
        impl Drop for Guard {
            fn drop(&mut self) {
                let number = 3;
                assert!(number == 4, "the guard is dropped too early");
            }
        }
        let endless = caught(async {
            let _guard = Guard;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), endless).await.is_err());
    }
}

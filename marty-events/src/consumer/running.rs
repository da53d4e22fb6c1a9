//! The parts that the tasks of a running consumer share.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use sqlx::Transaction;
use tokio::sync::{Mutex, Notify, Semaphore, SemaphorePermit};
use tracing::Instrument;

use super::{
    Incoming, Unit,
    calls::{AnyHandlers, CallFailure, call},
    health::HealthCell,
    routes::Routes,
    settings::Settings,
};
use crate::{
    EventContext, EventError,
    inbox::{Committed, Fate, Identity, Inbox, InboxDatabase, commit_error},
    observe::{ConsumerMetrics, process_span},
    retry::pauses,
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pause after a conflict with another transaction.
const CONFLICT_PAUSE: Duration = Duration::from_millis(20);
/// The count of conflicts in a row that is not yet an outage.
const MOST_CONFLICTS: u32 = 20;
/// The most parked events whose calls are counted that the database got in the way of.
const MOST_COUNTED: usize = 1_000;
/// The time that a rollback may take before its connection is left alone.
const ROLLBACK_TIME: Duration = Duration::from_secs(1);

pub(super) type Handlers<DB> = Vec<Box<dyn AnyHandlers<DB>>>;

pub(super) struct Running<DB: InboxDatabase> {
    pub(super) inbox: DB::Inbox,
    pub(super) handlers: Handlers<DB>,
    pub(super) routes: Arc<Routes>,
    pub(super) settings: Settings,
    pub(super) group: Arc<str>,
    pub(super) health: HealthCell,
    pub(super) metrics: Arc<ConsumerMetrics>,
    /// If true, calls of handlers have spans.
    pub(super) traces: bool,
    /// The handlers that may run at a time.
    pub(super) turns: Semaphore,
    /// An event was parked.
    pub(super) parked: Notify,
    /// Held while a parked event is chosen, and from a failure's rollback until it is written down: between these two the event would be
    /// chosen once more.
    pub(super) choice: Mutex<()>,
    /// The calls in a row of parked events that the database got in the way of. The tasks share the count, since they take turns with an event.
    pub(super) in_the_way: std::sync::Mutex<HashMap<i64, u32>>,
}

impl<DB: InboxDatabase> Running<DB> {
    /// Calls the handler in this transaction. The failure stands beside the transaction, which [`end`](Self::end) ends.
    pub(super) async fn handle(
        &self,
        transaction: Transaction<'static, DB>,
        handler: usize,
        records: Vec<Incoming>,
    ) -> Result<(Transaction<'static, DB>, Option<CallFailure>), EventError> {
        let route = self.routes.route(handler);
        let limit = route.description.timeout.unwrap_or(self.settings.handler_timeout);
        let name = route.description.name;
        let (context, span) = match records.as_slice() {
            [] => return Ok((transaction, None)),
            // Several events have no cause in common.
            [first, others @ ..] => {
                let context = if others.is_empty() { first.context() } else { EventContext::new() };
                let traces = records.iter().filter_map(|record| record.trace.as_ref());
                (context, process_span(self.traces, &self.group, name, (&first.delivery, &first.id), traces))
            }
        };
        let mut unit = Unit::new(transaction);
        let begun = Instant::now();
        let called = call(&*self.handlers[route.object], route.index, &mut unit, records, limit);
        let called = context.scope(called).instrument(span.clone()).await;
        self.metrics.called(name, begun.elapsed(), called.is_err());
        if let Err(failure) = &called {
            span.record("error.type", failure.kind()).record("otel.status_code", "ERROR");
        }
        // The unit was made with one.
        let Some(transaction) = unit.into_transaction() else { return Err(EventError::NotInTransaction) };
        Ok((transaction, called.err()))
    }

    /// Ends the transaction of a call: by a commit if the handler has succeeded, and by a rollback otherwise. Answers the failure, also that of
    /// a transaction which the database had ended before. `identity` is that of one of its events, and `open` becomes the transaction that the
    /// commit has begun.
    pub(super) async fn end(
        &self,
        (transaction, failure): (Transaction<'static, DB>, Option<CallFailure>),
        identity: &Identity,
        open: &mut Option<Open<DB>>,
    ) -> Option<CallFailure> {
        let before = Instant::now();
        let (mut transaction, failure) = match failure {
            Some(failure) => (transaction, failure),
            None => match self.inbox.commit(transaction).await {
                Ok(Committed::Done) => return None,
                Ok(Committed::Next(transaction)) => {
                    *open = Some(Open { transaction, before });
                    return None;
                }
                Ok(Committed::Undone(transaction)) => (transaction, CallFailure::Undone),
                // A commit whose answer is lost may have been one: then the event is known at the next claim.
                Err(error) => return Some(CallFailure::Unfinished(error)),
            },
        };
        let is_committed = tokio::time::timeout(ROLLBACK_TIME, self.is_committed(&mut transaction, identity)).await;
        roll_back(&self.inbox, transaction).await;
        Some(match failure {
            CallFailure::Undone if is_committed == Ok(true) => CallFailure::Committed(None),
            failure if is_committed == Ok(true) => CallFailure::Committed(Some(failure.reason())),
            failure => failure,
        })
    }

    /// True if a statement of the handler has committed the transaction: the event's row is there without it. A server that does not say so counts
    /// as one that has not committed. Behind a transaction that was rolled back, another owner may have taken the event in the same moment: that
    /// looks alike, and leaves a letter too many rather than one too few.
    async fn is_committed(&self, transaction: &mut Transaction<'static, DB>, identity: &Identity) -> bool {
        matches!(self.inbox.is_open(transaction).await, Ok(false))
            && matches!(self.inbox.has_taken(transaction, identity).await, Ok(true))
    }

    /// Counts a call of a parked event that the database got in the way of. Answers the number of such calls before it.
    pub(super) fn got_in_the_way(&self, id: i64) -> u32 {
        let mut counts = self.in_the_way.lock().unwrap_or_else(PoisonError::into_inner);
        // Other processes may have handled them. A count that begins anew delays the end of an event, and no more.
        if MOST_COUNTED <= counts.len() && !counts.contains_key(&id) {
            counts.clear();
        }
        let count = counts.entry(id).or_default();
        *count += 1;
        *count - 1
    }

    /// The call of a parked event has come to an end that counts.
    pub(super) fn is_out_of_the_way(&self, id: i64) {
        self.in_the_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// The next step for an event of this handler after so many failed attempts; of none where the program has no handler for it.
    pub(super) fn fate(&self, handler: Option<usize>, attempts: u32, is_final: bool, event_id: &str) -> Fate {
        let own = handler.and_then(|handler| self.routes.route(handler).description.attempts);
        let most = own.unwrap_or(self.settings.attempts);
        if !is_final && attempts < most {
            Fate::Retry(self.settings.pause(attempts, event_id))
        } else if self.settings.holds_keys {
            Fate::Hold
        } else {
            Fate::Bury
        }
    }
}

/// A transaction that the commit of another one has begun, in which nothing was done. Dropped, it is rolled back when the pool gets the
/// connection.
pub(super) struct Open<DB: InboxDatabase> {
    pub(super) transaction: Transaction<'static, DB>,
    /// A moment before its time, which is the database's `now()`.
    pub(super) before: Instant,
}

/// Ends a transaction without its effect, so that its locks are free. A connection that does not answer is left to its pool.
pub(super) async fn roll_back<I: Inbox>(inbox: &I, mut transaction: Transaction<'static, I::Database>) {
    let rolled_back = async {
        inbox.reopen(&mut transaction).await;
        transaction.rollback().await
    };
    let _ = tokio::time::timeout(ROLLBACK_TIME, rolled_back).await;
}

pub(super) async fn commit<DB: sqlx::Database>(transaction: Transaction<'static, DB>) -> Result<(), EventError> {
    transaction.commit().await.map_err(commit_error)
}

/// The patience of one task with the database.
pub(super) struct Patience<'a> {
    health: &'a HealthCell,
    pauses: Option<Box<dyn Iterator<Item = Duration> + Send + Sync>>,
    conflicts: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(health: &'a HealthCell) -> Self {
        Self { health, pauses: None, conflicts: 0 }
    }

    /// The database has answered.
    pub(super) fn works(&mut self) {
        self.pauses = None;
        self.conflicts = 0;
        if self.health.database_is_back() {
            tracing::info!("reached the database again; events are handled");
        }
    }

    /// Waits after a failure of the database: shortly after a conflict, and longer each time in an outage.
    pub(super) async fn wait(&mut self, error: &EventError) {
        if (error.is_conflict() || matches!(error, EventError::WriteConflict { .. })) && self.conflicts < MOST_CONFLICTS
        {
            self.conflicts += 1;
            return tokio::time::sleep(CONFLICT_PAUSE).await;
        }
        if self.health.database_is_away() {
            let cause = crate::error::cause(error);
            if error.is_refusal() {
                tracing::error!(%error, cause, "the database refuses the inbox; events wait in their topics until that is changed");
            } else {
                tracing::warn!(%error, cause, "cannot reach the database; events wait in their topics");
            }
        }
        let pauses = self.pauses.get_or_insert_with(|| Box::new(pauses(FIRST_PAUSE, LONGEST_PAUSE)));
        tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

/// The time that a claim may wait for another owner of its event before its worker lets another one work.
const CLAIM_TIME: Duration = Duration::from_millis(500);

/// The right of a worker to be one of those that work at a time.
pub(super) struct Turn<'a> {
    turns: &'a Semaphore,
    permit: Option<SemaphorePermit<'a>>,
}

impl<'a> Turn<'a> {
    /// A turn that nobody has, and that nobody waits for.
    pub(super) fn take_free(turns: &'a Semaphore) -> Option<Self> {
        turns.try_acquire().ok().map(|permit| Self { turns, permit: Some(permit) })
    }

    pub(super) async fn take(turns: &'a Semaphore) -> Self {
        // Nobody closes it; without a permit the bound alone would suffer.
        Self { turns, permit: turns.acquire().await.ok() }
    }

    /// Waits for a claim, which another owner of the event may keep waiting for as long as its process is paused. The turn is another worker's
    /// then, so that a paused process holds back the keys of its handlers and no others.
    pub(super) async fn claim<T>(&mut self, claim: impl Future<Output = T>) -> T {
        let mut claim = std::pin::pin!(claim);
        if let Ok(claimed) = tokio::time::timeout(CLAIM_TIME, &mut claim).await {
            return claimed;
        }
        self.permit = None;
        let claimed = claim.await;
        self.permit = self.turns.acquire().await.ok();
        claimed
    }
}

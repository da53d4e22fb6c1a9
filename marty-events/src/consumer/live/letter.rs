use super::super::{
    calls::CallFailure,
    routes::Work,
    running::{Patience, Running, commit},
};
use crate::inbox::{Failure, Inbox, InboxDatabase};

/// The tries to write the letter of an event that the group knows already. A letter that is there is refused too.
const MOST_LETTERS: u32 = 20;

/// Keeps an event as a dead letter whose row was committed without the consumer. Without the letter the event would look as if it were handled.
pub(super) async fn bury_committed<DB: InboxDatabase>(running: &Running<DB>, work: &Work, failure: &CallFailure) {
    let Running { inbox, .. } = running;
    let (identity, reason) = (work.identity(), failure.reason());
    let handler = running.routes.route(work.handler).description.name;
    tracing::error!(
        group = &*running.group,
        handler,
        event_id = identity.event_id,
        reason,
        "a handler has broken its transaction"
    );
    let fate = running.fate(Some(work.handler), 1, true, &identity.event_id);
    let failed = Failure { attempts: 1, reason, fate };
    let mut patience = Patience::new(&running.health);
    for _ in 0..MOST_LETTERS {
        let written = async {
            let mut transaction = inbox.begin().await?;
            inbox.park(&mut transaction, work.delivery(), identity, Some(&failed)).await?;
            commit(transaction).await
        };
        match written.await {
            Ok(()) => {
                patience.works();
                return running.metrics.buried();
            }
            Err(error) => patience.wait(&error).await,
        }
    }
}

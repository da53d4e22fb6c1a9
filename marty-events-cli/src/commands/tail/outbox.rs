use std::time::Duration;

use marty_events::CancellationToken;

use super::{Show, Start, event::TailedEvent};
use crate::{database::Outbox, failure::Result, shared::Shared};

/// The pause between two reads.
const PAUSE: Duration = Duration::from_millis(250);
/// The number of rows that one read fetches.
const PAGE: u32 = 500;

pub(super) async fn follow(
    shared: &Shared,
    from: Start,
    no_follow: bool,
    payload: bool,
    mut show: Show,
    stop: &CancellationToken,
) -> Result<()> {
    let outbox = Outbox::reached(shared).await?.repository;
    let mut seen = match from {
        Start::Beginning => i64::MIN,
        Start::End => outbox.last_pending().await?.unwrap_or(i64::MIN),
    };
    while !stop.is_cancelled() {
        let page = outbox.pending_after(seen, PAGE).await?;
        let is_full = u32::try_from(page.len()) == Ok(PAGE);
        for event in page {
            seen = event.seq;
            if !show.show(&TailedEvent::of_pending(event, payload))? {
                return Ok(());
            }
        }
        if is_full {
            continue;
        }
        if no_follow {
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    Ok(())
}

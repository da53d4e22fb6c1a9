//! One call after the other on the direct route, each awaited.

use std::time::Instant;

use marty_events::{EventError, EventsGuard, domain_event};
use tokio::sync::OnceCell;

use crate::{
    Failure,
    by_hand::Record,
    direct,
    envelope::Data,
    report::{Sample, percentile},
    stage::{Stage, config},
};

/// So many calls of one case, then as many of the other.
const BLOCK: usize = 100;

static EVENTS: OnceCell<EventsGuard> = OnceCell::const_new();

/// Annotated methods use the process's own publisher.
pub(crate) async fn registered(stage: &Stage) -> Result<(), Failure> {
    let begin = async || marty_events::init_with(config(&stage.brokers, &stage.prefix).build()?).await;
    EVENTS.get_or_try_init(begin).await?;
    Ok(())
}

#[domain_event(
    aggregate_type = "account",
    event_type = "moved",
    aggregate_id_field = "key",
    on_publish_error = "fail",
    data = Data { number, filler }
)]
async fn call(key: usize, number: usize, filler: &str) -> Result<(), EventError> {
    let _ = filler;
    std::future::ready(()).await;
    Ok(())
}

pub(crate) async fn round(calls: usize) -> Result<Vec<Sample>, Failure> {
    let stage = Stage::new().await?;
    registered(&stage).await?;
    let producer = direct::producer(&stage)?;
    let (mut raw, mut annotated) = (Vec::new(), Vec::new());
    for first in (0..calls + BLOCK).step_by(BLOCK) {
        for number in first..first + BLOCK {
            let begin = Instant::now();
            let record = Record::new(number, stage.data(number));
            direct::send(&producer, &stage.topic, &record.key, &record).await?;
            raw.push(begin.elapsed().as_secs_f64() * 1e6);
        }
        for number in first..first + BLOCK {
            let begin = Instant::now();
            call(number, number, &stage.filler).await?;
            annotated.push(begin.elapsed().as_secs_f64() * 1e6);
        }
    }
    stage.end().await;
    // The first block made the connections.
    let (mut raw, mut annotated) = (raw.split_off(BLOCK), annotated.split_off(BLOCK));
    Ok(vec![
        Sample::new("raw send", percentile(&mut raw, 50)),
        Sample::new("annotated call", percentile(&mut annotated, 50)),
        Sample::new("raw send, p99", percentile(&mut raw, 99)),
        Sample::new("annotated call, p99", percentile(&mut annotated, 99)),
    ])
}

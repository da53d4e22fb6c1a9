//! The cost of an attribute for a call (one method, written four ways), and of making an event of about 1 KiB beside serialising it
//! alone. `scripts/cost` counts the instructions and the allocations from outside.
//!
//! Arguments: the way (`plain`, `by-hand`, `attribute`, `typed`, `serialise`, `build`, `build-typed`) and the number of calls.

use std::hint::black_box;

use marty_events::{DomainEvent, EventError, domain_event, testing::EventRecorder};
use serde::Serialize;

#[path = "load/envelope.rs"]
mod envelope;

use envelope::{Data, Envelope, filler};

const ID: uuid::Uuid = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);

async fn work(id: u64) -> Result<u64, EventError> {
    std::future::ready(()).await;
    Ok(id)
}

async fn plain(id: u64, plan: &str) -> Result<u64, EventError> {
    black_box(plan);
    work(id).await
}

async fn by_hand(id: u64, plan: &str) -> Result<u64, EventError> {
    let event = DomainEvent::new("account", id, "opened").data(&serde_json::json!({ "plan": plan }));
    let out = plain(id, plan).await?;
    marty_events::publisher()?.publish(event).await?;
    Ok(out)
}

#[domain_event(aggregate_type = "account", event_type = "opened", aggregate_id_field = "id", data(plan))]
async fn attribute(id: u64, plan: &str) -> Result<u64, EventError> {
    black_box(plan);
    work(id).await
}

/// The same event, which the type describes. The data is the same too: the id is not in it.
#[derive(Serialize, DomainEvent)]
#[event(aggregate_type = "account", event_type = "opened")]
struct Opened<'a> {
    #[event(id)]
    #[serde(skip)]
    id: u64,
    plan: &'a str,
}

#[domain_event(Opened { id, plan })]
async fn typed(id: u64, plan: &str) -> Result<u64, EventError> {
    black_box(plan);
    work(id).await
}

/// The work that is left when all the parts of an envelope are there.
fn serialise(number: u64, filler: &str) -> Result<u64, EventError> {
    let data = Data { number: usize::try_from(number).unwrap_or_default(), filler };
    let envelope = Envelope::new(ID, "2026-01-02T03:04:05.006789Z", "7,000", data);
    let bytes = serde_json::to_vec(&envelope)
        .map_err(|source| EventError::Serialize { field: "envelope".to_owned(), source })?;
    Ok(black_box(bytes).len() as u64)
}

/// From the values to the parts of a record: id, time, topic, keys, headers and value.
fn build(number: u64, filler: &str) -> Result<u64, EventError> {
    let data = Data { number: usize::try_from(number).unwrap_or_default(), filler };
    let event = DomainEvent::new("account", "7,000", "moved").data(&data);
    Ok(marty_events::__private::completed(event)? as u64)
}

#[derive(Serialize, DomainEvent)]
#[event(aggregate_type = "account", event_type = "moved")]
struct Moved<'a> {
    #[event(id)]
    #[serde(skip)]
    account: &'a str,
    number: u64,
    filler: &'a str,
}

/// The same bytes as of [`build`].
fn build_typed(number: u64, filler: &str) -> Result<u64, EventError> {
    Ok(marty_events::__private::completed(Moved { account: "7,000", number, filler })? as u64)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` appends `--bench`.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [way, times] = &given[..] else {
        println!("give the way and the number of calls; `scripts/cost` does");
        return Ok(());
    };
    let times: u64 = times.parse()?;
    let (recorder, filler) = (EventRecorder::new(), filler());
    recorder
        .scope(async {
            for id in 0..times {
                let done = match way.as_str() {
                    "plain" => plain(id, "gold").await,
                    "by-hand" => by_hand(id, "gold").await,
                    "attribute" => attribute(id, "gold").await,
                    "typed" => typed(id, "gold").await,
                    "serialise" => serialise(id, &filler),
                    "build" => build(id, &filler),
                    "build-typed" => build_typed(id, &filler),
                    other => return Err(format!("`{other}` is none of the ways").into()),
                };
                black_box(done?);
            }
            Ok::<(), Box<dyn std::error::Error>>(())
        })
        .await?;
    let expected = if matches!(way.as_str(), "by-hand" | "attribute" | "typed") { times } else { 0 };
    assert_eq!(recorder.events().len() as u64, expected, "every call did what it is measured for");
    Ok(())
}

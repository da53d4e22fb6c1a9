//! What an attribute costs a call: one method, written three ways, called often. `scripts/cost` counts the instructions and
//! the allocations from outside.
//!
//! Arguments: the way (`plain`, `by-hand`, `attribute`) and how often.

use std::hint::black_box;

use marty_events::{DomainEvent, EventError, domain_event, testing::EventRecorder};

async fn work(id: u64) -> Result<u64, EventError> {
    std::future::ready(()).await;
    Ok(id)
}

async fn plain(id: u64, plan: &str) -> Result<u64, EventError> {
    black_box(plan);
    work(id).await
}

async fn by_hand(id: u64, plan: &str) -> Result<u64, EventError> {
    let event = DomainEvent::new("account", id, "opened").data(&serde_json::json!({ "plan": plan }))?;
    let out = plain(id, plan).await?;
    marty_events::publisher()?.publish(event).await?;
    Ok(out)
}

#[domain_event(aggregate_type = "account", event_type = "opened", aggregate_id_field = "id", data(plan))]
async fn attribute(id: u64, plan: &str) -> Result<u64, EventError> {
    black_box(plan);
    work(id).await
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
    let recorder = EventRecorder::new();
    recorder
        .scope(async {
            for id in 0..times {
                let done = match way.as_str() {
                    "plain" => plain(id, "gold").await,
                    "by-hand" => by_hand(id, "gold").await,
                    "attribute" => attribute(id, "gold").await,
                    other => return Err(format!("`{other}` is none of plain, by-hand, attribute").into()),
                };
                black_box(done?);
            }
            Ok::<(), Box<dyn std::error::Error>>(())
        })
        .await?;
    let expected = if way == "plain" { 0 } else { times };
    assert_eq!(recorder.events().len() as u64, expected, "every call did what it is measured for");
    Ok(())
}

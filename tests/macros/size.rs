//! The attribute's cost in the size of a future: no more than an insert written by hand.
#![allow(clippy::large_types_passed_by_value, reason = "that is what is measured")]

use marty_events::{DomainEvent, EventError, EventPublisher, domain_event};
use uuid::Uuid;

use crate::support::Tx;

type Big = [u8; 512];

async fn io(_: &mut Tx<'_>) {
    std::future::ready(()).await;
}

async fn plain(id: u64, big: Big, tx: &mut Tx<'_>) -> Result<Big, EventError> {
    io(tx).await;
    if id == 0 {
        return Err(EventError::NotInitialized);
    }
    Ok(big)
}

/// A careful author's code without the attribute. The method's work is a future of its own, so that `?` in it is seen. The insert comes
/// after it.
async fn by_hand(id: u64, big: Big, tx: &mut Tx<'_>) -> Result<Big, EventError> {
    let event = DomainEvent::new("user", id, "created");
    let out = {
        let tx = &mut *tx;
        async move {
            io(tx).await;
            if id == 0 {
                return Err(EventError::NotInitialized);
            }
            Ok(big)
        }
    }
    .await;
    if out.is_ok() {
        marty_events::publisher()?.publish_in(tx, event).await?;
    }
    out
}

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn attribute(id: u64, big: Big, tx: &mut Tx<'_>) -> Result<Big, EventError> {
    io(tx).await;
    if id == 0 {
        return Err(EventError::NotInitialized);
    }
    Ok(big)
}

fn size<F>(_: fn(u64, Big, &'static mut Tx<'static>) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn the_future_is_no_larger_than_that_of_an_insert_by_hand() {
    let (plain, by_hand, attribute) = (size(plain), size(by_hand), size(attribute));
    println!("future with a 512-byte argument: plain {plain}, by hand {by_hand}, attribute {attribute}");
    assert!(attribute <= by_hand, "{attribute} > {by_hand}");
}

fn publish(publisher: &EventPublisher, event: DomainEvent) -> impl Future<Output = Result<Uuid, EventError>> {
    publisher.publish(event)
}

fn size_of_publish<F>(_: fn(&'static EventPublisher, DomainEvent) -> F) -> usize {
    size_of::<F>()
}

/// The future of the fallback to the outbox is large, and not part of every future that publishes.
#[test]
fn a_future_that_publishes_directly_is_small() {
    let size = size_of_publish(publish);
    println!("future of a direct event: {size}");
    assert!(size <= 2048, "{size}");
}

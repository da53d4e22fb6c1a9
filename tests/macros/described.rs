//! The entries that handlers leave in the catalogue.
#![expect(clippy::unused_async, reason = "a handler is async")]

use marty_events::{
    DomainEvent, Received,
    catalogue::{Catalogue, Published, catalogue, unreadable},
    event_handlers,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::{Failure, Tx};

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(service = "described", aggregate_type = "seal", event_type = "seal_broken", event_version = 2, from = SealBrokenV1)]
struct SealBroken {
    #[event(id)]
    seal: u64,
    by: String,
}

#[derive(Serialize, Deserialize, DomainEvent)]
#[event(service = "described", aggregate_type = "seal", event_type = "seal_broken")]
struct SealBrokenV1 {
    #[event(id)]
    seal: u64,
}

impl From<SealBrokenV1> for SealBroken {
    fn from(old: SealBrokenV1) -> Self {
        Self { seal: old.seal, by: String::new() }
    }
}

#[derive(Serialize, Deserialize, DomainEvent)]
#[event(service = "described", aggregate_type = "seal", event_type = "seal_lost")]
struct SealLost {
    #[event(id)]
    seal: u64,
}

struct Watch;

#[event_handlers]
impl Watch {
    #[event_handler]
    async fn broken(&self, tx: &mut Tx<'_>, event: Received<SealBroken>) -> Result<(), Failure> {
        let _ = (tx, &event.seal, &event.by);
        Ok(())
    }

    #[event_handler]
    async fn lost(&self, tx: &mut Tx<'_>, events: Vec<Received<SealLost>>) -> Result<(), Failure> {
        let _ = (tx, events.first().map(|event| event.seal));
        Ok(())
    }

    #[event_handler(topic = "described.audit", event_type = ["seal.made", "seal.moved"])]
    async fn audit(&self, tx: &mut Tx<'_>, event: Received<Value>) -> Result<(), Failure> {
        let _ = (tx, event);
        Ok(())
    }

    #[event_handler(topic = "described.prices", envelope = none)]
    async fn price(&self, tx: &mut Tx<'_>, event: Received<Value>) -> Result<(), Failure> {
        let _ = (tx, event);
        Ok(())
    }
}

fn own() -> Catalogue {
    let _: &dyn std::any::Any = &Watch;
    let mut all = catalogue().expect("descriptions");
    all.handles.retain(|event| event.topic.starts_with("described."));
    all
}

#[test]
fn each_handler_leaves_its_events_in_the_catalogue() {
    let handled: Vec<_> = own()
        .handles
        .into_iter()
        .map(|event| (event.group, event.topic, event.event_type, event.versions, event.schema.is_some()))
        .collect();
    let entry = |topic: &str, event_type: &str, versions: &[u32], has_schema| {
        (None, topic.to_owned(), event_type.to_owned(), versions.to_vec(), has_schema)
    };
    assert_eq!(
        handled,
        [
            entry("described.audit", "seal.made", &[], false),
            entry("described.audit", "seal.moved", &[], false),
            entry("described.prices", "*", &[], false),
            entry("described.seal.seal_broken", "seal_broken", &[1, 2], true),
            entry("described.seal.seal_lost", "seal_lost", &[1], false),
        ]
    );
}

#[test]
fn a_handler_of_a_typed_event_is_checked_against_its_producer() {
    let lost = Published::new("domain", "described.seal.seal_lost", "seal_lost");
    let broken = |version| Published::new("domain", "described.seal.seal_broken", "seal_broken").version(version);
    let kinds = |version| -> Vec<&str> {
        let producer = [lost.clone(), broken(version), Published::new("custom", "described.prices", "raised")];
        let audit =
            ["seal.made", "seal.moved"].map(|event_type| Published::new("custom", "described.audit", event_type));
        let producer = producer.into_iter().chain(audit).fold(Catalogue::new("described"), Catalogue::publishing);
        unreadable(&own(), &producer).into_iter().map(|change| change.kind).collect()
    };
    assert!(kinds(2).is_empty(), "{:?}", kinds(2));
    assert_eq!(kinds(3), ["version not read"]);
}

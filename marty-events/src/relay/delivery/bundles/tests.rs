//! The client of bundles under configurations that would cut them, and beside moments that last too long.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{super::client_events::ClientEvent, *};
use crate::{
    config::EventConfigBuilder,
    kafka::{
        Complaint,
        mock::{Broker, TOPIC},
    },
    outbox::HeaderText,
};

fn rows(count: usize) -> Vec<QueuedRow> {
    let row = |seq: i64| QueuedRow {
        seq,
        event_id: uuid::Uuid::nil(),
        topic: TOPIC.into(),
        key: Some("hot".into()),
        ordering_key: Some("hot".into()),
        lane: 1,
        headers: HeaderText::default(),
        payload: Vec::new(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        attempts: 0,
    };
    (0..).take(count).map(row).collect()
}

/// The client with these properties, if bundles are possible with them, and its reports.
fn bundles(broker: &Broker, properties: &[(&str, &str)]) -> Option<(Bundles, mpsc::UnboundedReceiver<ClientEvent>)> {
    let with = |config: EventConfigBuilder, (name, value): &(&str, &str)| config.producer_property(name, *value);
    let config = EventConfig::builder().service_name("test").brokers(broker.bootstrap_servers());
    let config = properties.iter().fold(config, with).build().expect("a configuration");
    let (sender, events) = mpsc::unbounded_channel();
    let mut bundles = Bundles::new(&config).expect("a configuration of a client");
    let is_possible = bundles.are_possible(&Reporter::new(sender, Complaint::default()));
    is_possible.then_some((bundles, events))
}

/// How many rows were delivered, of as many as are reported on.
async fn delivered(events: &mut mpsc::UnboundedReceiver<ClientEvent>, count: usize) -> usize {
    let (mut reports, mut delivered) = (0, 0);
    while reports < count {
        let event = tokio::time::timeout(Duration::from_mins(1), events.recv()).await.expect("in time");
        if let Some(ClientEvent::Report(report)) = event {
            (reports, delivered) = (reports + 1, delivered + usize::from(report.result.is_ok()));
        }
    }
    delivered
}

#[test]
fn limits_that_would_cut_a_bundle_leave_none() {
    let broker = Broker::start();
    assert!(bundles(&broker, &[]).is_some());
    let cuts = [("batch.size", "50000"), ("message.max.bytes", "50000"), ("queue.buffering.max.messages", "50")];
    for cut in cuts {
        assert!(bundles(&broker, &[cut]).is_none(), "{cut:?}");
    }
}

/// A pause that is set by its other name would close a batch before it is full. A time limit would give a part of it up.
#[tokio::test]
async fn settings_by_their_other_names_neither_cut_a_bundle_nor_give_it_up() {
    let broker = Broker::start();
    let properties = [("queue.buffering.max.ms", "0"), ("delivery.timeout.ms", "300")];
    let (mut bundles, mut events) = bundles(&broker, &properties).expect("bundles are possible");
    let rows = rows(BUNDLE);
    let rows: Vec<&QueuedRow> = rows.iter().collect();
    for _ in 0..5 {
        broker.reject_one_batch();
        bundles.send(&rows).expect("it is taken");
        assert_eq!(delivered(&mut events, BUNDLE).await, 0, "a part of it was a batch of its own");
    }
    broker.refuse_one_batch();
    bundles.send(&rows).expect("it is taken");
    assert_eq!(delivered(&mut events, BUNDLE).await, BUNDLE, "it was given up");
}

#[tokio::test]
async fn a_bundle_that_takes_too_long_to_hand_over_is_taken_back() {
    let broker = Broker::start();
    let (mut bundles, mut events) = bundles(&broker, &[]).expect("bundles are possible");
    let rows = rows(BUNDLE);
    let rows: Vec<&QueuedRow> = rows.iter().collect();
    let too_early = Instant::now().checked_sub(HAND_OVER).expect("a machine that has run for so long");
    assert_eq!(bundles.hand_over(&rows, too_early).expect_err("it is late").0, 0);
    assert!(bundles.client.is_none(), "what the client has of it is taken back");
    assert!(events.try_recv().is_err(), "nothing was taken");
}

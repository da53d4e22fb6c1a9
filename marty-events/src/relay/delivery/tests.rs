//! The relay's producer beside librdkafka's mock brokers.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{super::window::BUNDLE, ClientEvent, RelayProducer};
use crate::{
    kafka::mock::{APART, Broker, TOPIC},
    outbox::{HeaderText, QueuedRow},
};

fn row(seq: i64) -> QueuedRow {
    QueuedRow {
        seq,
        event_id: Uuid::nil(),
        topic: TOPIC.into(),
        key: Some(seq.to_string().into()),
        ordering_key: Some(seq.to_string().into()),
        lane: 1,
        headers: HeaderText::default(),
        payload: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
    }
}

/// The rows on which the client reports, until there are `count`, and if it takes them for delivered.
async fn reports(producer: &mut RelayProducer, count: usize) -> Vec<(i64, bool)> {
    let mut reports = Vec::new();
    while reports.len() < count {
        let event = tokio::time::timeout(Duration::from_mins(1), producer.event()).await.expect("in time");
        if let Some(ClientEvent::Report(report)) = event {
            reports.push((report.seq, report.result.is_ok()));
        }
    }
    reports
}

/// If a bundle were two batches, the broker would take the second one without the first.
#[tokio::test]
async fn a_bundle_is_taken_or_refused_as_a_whole() {
    let broker = Broker::start();
    let mut producer = RelayProducer::new(&broker.config()).expect("a producer");
    assert!(producer.makes_bundles());
    for round in 0..20 {
        let is_refused = round % 2 == 0;
        if is_refused {
            broker.reject_one_batch();
        }
        let rows: Vec<QueuedRow> = (0..).take(BUNDLE).map(row_of_one_key).collect();
        producer.send_bundle(&rows.iter().collect::<Vec<_>>()).expect("it is taken");
        let reports = reports(&mut producer, BUNDLE).await;
        assert_eq!(reports, (0..).take(BUNDLE).map(|seq| (seq, !is_refused)).collect::<Vec<_>>());
    }
}

/// The rest of it may not fill up another key's batch.
#[tokio::test]
async fn what_is_left_of_a_bundle_is_taken_back() {
    let broker = Broker::start();
    let mut producer = RelayProducer::new(&broker.config()).expect("a producer");
    assert!(producer.makes_bundles());
    let rows: Vec<QueuedRow> = (0..).take(BUNDLE).map(row_of_one_key).collect();
    let half: Vec<&QueuedRow> = rows.iter().take(BUNDLE / 2).collect();
    producer.send_bundle(&half).expect("it is taken");
    producer.drop_bundles();
    assert!(producer.makes_bundles(), "another client");
    producer.send_bundle(&half).expect("it is taken");
    producer.drop_bundles();
    let reports = reports(&mut producer, 2 * half.len()).await;
    assert!(reports.iter().all(|(_, is_delivered)| !is_delivered), "{reports:?}");
}

/// A relay that has lost its lease sends nothing more.
#[tokio::test]
async fn a_purge_takes_back_what_waits_for_the_rest_of_its_batch() {
    let broker = Broker::start();
    let mut producer = RelayProducer::new(&broker.config()).expect("a producer");
    assert!(producer.makes_bundles());
    let rows: Vec<QueuedRow> = (0..).take(BUNDLE / 2).map(row_of_one_key).collect();
    producer.send_bundle(&rows.iter().collect::<Vec<_>>()).expect("it is taken");
    producer.purge();
    let reports = reports(&mut producer, rows.len()).await;
    assert!(reports.iter().all(|(_, is_delivered)| !is_delivered), "{reports:?}");
}

fn row_of_one_key(seq: i64) -> QueuedRow {
    QueuedRow { key: Some("hot".into()), ordering_key: Some("hot".into()), ..row(seq) }
}

/// librdkafka reports both rows as delivered.
#[tokio::test]
async fn a_row_counts_as_delivered_by_its_own_acknowledgement_alone() {
    let broker = Broker::start();
    let mut producer = RelayProducer::new(&broker.config()).expect("a producer");
    producer.send(&row(1)).expect("it is taken");
    assert_eq!(reports(&mut producer, 1).await, [(1, true)], "the client has its connection and its id");

    broker.refuse_one_batch();
    producer.send(&row(2)).expect("it is taken");
    tokio::time::sleep(APART).await;
    producer.send(&row(3)).expect("it is taken");
    let reports = reports(&mut producer, 2).await;
    let delivered = reports.iter().filter(|(_, is_delivered)| *is_delivered).map(|(seq, _)| seq.to_string());
    assert!(broker.missing(delivered).is_empty(), "{reports:?}");
}

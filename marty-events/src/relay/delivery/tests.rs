//! The relay's producer beside librdkafka's mock brokers.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{ClientEvent, RelayProducer};
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

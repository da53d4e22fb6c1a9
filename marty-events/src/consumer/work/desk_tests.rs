//! The desk between the client's thread and the workers.

use std::{sync::mpsc, thread};

use super::*;
use crate::{
    config::EventConfig,
    consumer::{EventSelection, HandlerDescription},
};

const TOPIC: &str = "suite.entries";
/// The time in which a thread shows that it does not wait.
const MOMENT: Duration = Duration::from_millis(100);

static HANDLERS: [HandlerDescription; 2] = [batches("one", &["posted"]), batches("other", &["closed"])];

const fn batches(name: &'static str, event_types: &'static [&'static str]) -> HandlerDescription {
    HandlerDescription {
        name,
        events: EventSelection::Named { topic: "entries", event_types },
        attempts: None,
        timeout: None,
        has_inbox: true,
        is_batch: true,
        has_envelope: true,
    }
}

fn desk() -> Arc<Desk> {
    let config = EventConfig::builder().service_name("suite").topic_prefix("suite").brokers("127.0.0.1:1");
    let config = config.build().expect("a configuration");
    let mut routes = Routes::default();
    routes.add(0, &HANDLERS, &config).expect("two handlers");
    let metrics = Arc::new(ConsumerMetrics::new(false, &"group".into(), routes.names()));
    let limits = Limits { rows: 100, bytes: 1 << 20, batch: 10 };
    Arc::new(Desk::new(Arc::new(routes), HealthCell::new(), metrics, limits))
}

fn partition() -> Partition {
    (TOPIC.into(), 0)
}

fn record(offset: i64, key: &str, event_type: &str) -> Delivery {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Delivery {
        topic: TOPIC.into(),
        offset,
        key: Some(key.as_bytes().to_vec()),
        headers: vec![header("ce_id", &offset.to_string()), header("ce_type", event_type)],
        value: Some(b"{}".to_vec()),
        ..Delivery::default()
    }
}

fn take(desk: &Desk) -> Vec<(Work, Ticket)> {
    match desk.take() {
        Next::Records(batch) => batch.into_iter().map(Taken::into_parts).collect(),
        Next::After(_) | Next::Nothing => Vec::new(),
    }
}

/// Hands the partition over in another thread, which answers with the offsets that may be committed then.
fn hand_over(desk: &Arc<Desk>, limit: Duration) -> mpsc::Receiver<Vec<(Partition, i64)>> {
    let (answer, answered) = mpsc::channel();
    let desk = Arc::clone(desk);
    thread::spawn(move || {
        desk.hand_over(&[partition()], limit);
        let _ = answer.send(desk.advanced());
    });
    answered
}

#[test]
fn a_hand_over_waits_for_the_record_at_work_and_begins_no_other() {
    let desk = desk();
    desk.assigned(vec![partition()]);
    desk.take_in(record(0, "k-0", "posted"));
    let at_work = take(&desk);
    desk.take_in(record(1, "k-1", "posted"));
    let answered = hand_over(&desk, Duration::from_mins(1));
    assert!(answered.recv_timeout(MOMENT).is_err(), "it waits");
    assert!(take(&desk).is_empty(), "the waiting record is the next owner's");
    desk.finish([&at_work[0].1]);
    assert_eq!(answered.recv(), Ok(vec![(partition(), 1)]));
    desk.released(&[partition()]);
    desk.take_in(record(1, "k-1", "posted"));
    assert!(take(&desk).is_empty(), "the partition is another consumer's");
    assert_eq!(desk.lock().partitions(), 0);
}

#[test]
fn a_hand_over_waits_no_longer_than_its_limit_and_the_record_commits_nothing_afterwards() {
    let desk = desk();
    desk.assigned(vec![partition()]);
    desk.take_in(record(0, "k-0", "posted"));
    let at_work = take(&desk);
    assert_eq!(hand_over(&desk, Duration::from_millis(1)).recv(), Ok(vec![]));
    desk.released(&[partition()]);
    desk.finish([&at_work[0].1]);
    assert_eq!(desk.advanced(), []);
}

#[test]
fn a_batch_has_events_of_one_handler_and_a_key_keeps_its_order_between_handlers() {
    let desk = desk();
    desk.assigned(vec![partition()]);
    for (offset, key, event_type) in [(0, "a", "posted"), (1, "a", "closed"), (2, "b", "posted"), (3, "c", "closed")] {
        desk.take_in(record(offset, key, event_type));
    }
    let offsets = |batch: &[(Work, Ticket)]| batch.iter().map(|(work, _)| work.delivery().offset).collect::<Vec<_>>();
    let posted = take(&desk);
    assert_eq!(offsets(&posted), [0, 2]);
    let closed = take(&desk);
    assert_eq!(offsets(&closed), [3], "the other one waits for the record before it");
    desk.finish(posted.iter().chain(&closed).map(|(_, ticket)| ticket));
    assert_eq!(offsets(&take(&desk)), [1]);
}

#[test]
fn a_full_partition_holds_the_reading_until_it_has_room_for_more_than_a_record() {
    let desk = desk();
    desk.assigned(vec![partition()]);
    for offset in 0..99 {
        assert!(!desk.take_in(record(offset, &offset.to_string(), "posted")), "{offset}");
    }
    assert!(desk.take_in(record(99, "99", "posted")), "it has its share of 100");
    assert!(!desk.makes_room(MOMENT));
    let (first, second, third) = (take(&desk), take(&desk), take(&desk));
    let (answer, answered) = mpsc::channel();
    thread::spawn({
        let desk = Arc::clone(&desk);
        move || answer.send(desk.makes_room(Duration::from_mins(1)))
    });
    for batch in [&first, &second] {
        desk.finish(batch.iter().map(|(_, ticket)| ticket));
        assert!(answered.recv_timeout(MOMENT).is_err(), "80 wait still");
    }
    desk.finish(third.iter().map(|(_, ticket)| ticket));
    assert_eq!(answered.recv(), Ok(true));
    assert_eq!(desk.flow(), Flow::default(), "nothing was paused");
}

#[test]
fn a_paused_partition_does_not_hold_the_reading_of_others() {
    let desk = desk();
    desk.assigned(vec![partition()]);
    for offset in 0..100 {
        desk.take_in(record(offset, "k", "posted"));
    }
    assert_eq!(desk.flow(), Flow { pause: vec![partition()], resume: vec![] });
    assert!(desk.makes_room(Duration::ZERO));
}

//! The rows that go together, and those that go one by one.

use std::time::Instant;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::{Limits, Source, Window};
use crate::{
    kafka::Partitioner,
    outbox::{HeaderText, QueuedRow},
};

const TOGETHER: usize = 3;

/// Makes another row of one.
type Change = fn(QueuedRow) -> QueuedRow;

fn row(seq: i64) -> QueuedRow {
    QueuedRow {
        seq,
        event_id: Uuid::from_u128(u128::from(seq.cast_unsigned())),
        topic: "a".into(),
        key: Some("hot".into()),
        ordering_key: Some("hot".into()),
        lane: 1,
        headers: HeaderText::default(),
        payload: vec![0; 10],
        created_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
    }
}

fn window(rows: impl IntoIterator<Item = QueuedRow>) -> Window {
    let limits = Limits { bundle: TOGETHER, bundle_bytes: 100, ..Limits::new(100, 10_000) };
    let mut window = Window::new(limits, Partitioner::Murmur2);
    for row in rows {
        window.admit(row, Source::Position);
    }
    window
}

/// Reads the rows that wait as numbers.
fn load(window: &mut Window) {
    let (wanted, _) = window.wanted(10, 1_000);
    window.loaded(&wanted, wanted.iter().map(|seq| row(*seq)).collect());
}

/// Takes the next row, and those that go with it.
fn take(window: &mut Window) -> (Option<i64>, Vec<i64>) {
    let now = Instant::now();
    let first = window.take(now).map(|event| event.seq);
    let bundle = first.map(|first| window.take_bundle(first, now)).unwrap_or_default();
    (first, bundle)
}

#[test]
fn rows_of_one_key_for_one_partition_go_together() {
    let mut window = window((1..=4).map(row));
    assert_eq!(take(&mut window), (Some(1), vec![1, 2, 3]));
    assert_eq!(take(&mut window), (None, vec![]), "the fourth waits for them");
    for seq in 1..=3 {
        window.delivered(seq);
    }
    assert_eq!(take(&mut window), (Some(4), vec![]), "they are too few");
}

/// Each of these would make several batches of a bundle, or let the broker refuse it for the sake of a row that it has refused before.
#[test]
fn rows_that_are_not_one_batch_go_one_by_one() {
    let others: [(&str, Change); 5] = [
        ("another topic", |row| QueuedRow { topic: "b".into(), ..row }),
        ("another key", |row| QueuedRow { key: Some("cold".into()), ..row }),
        ("no key", |row| QueuedRow { key: None, ..row }),
        ("a refusal before", |row| QueuedRow { attempts: 1, ..row }),
        ("more bytes than a batch takes", |row| QueuedRow { payload: vec![0; 100], ..row }),
    ];
    for (reason, other) in others {
        let mut window = window([row(1), row(2), other(row(3)), row(4)]);
        assert_eq!(take(&mut window), (Some(1), vec![]), "{reason}");
        assert_eq!(take(&mut window), (None, vec![]), "{reason}: the second waits for the first");
    }
}

/// The client draws the partition of each by lot.
#[test]
fn rows_without_a_record_key_go_one_by_one() {
    let mut window = window((1..=3).map(|seq| QueuedRow { key: None, ..row(seq) }));
    assert_eq!(take(&mut window), (Some(1), vec![]));
}

#[test]
fn a_topic_has_one_bundle_under_way() {
    let of = |key: &str, seq: i64| QueuedRow { key: Some(key.into()), ordering_key: Some(key.into()), ..row(seq) };
    let mut window = window((1..=3).map(|seq| of("one", seq)).chain((4..=6).map(|seq| of("two", seq))));
    assert_eq!(take(&mut window), (Some(1), vec![1, 2, 3]));
    assert_eq!(take(&mut window), (Some(4), vec![]));
}

/// Each of its rows is given up at its first refusal, so each is asked for by itself.
#[test]
fn a_lost_topic_gets_no_bundle_until_a_row_got_through() {
    let cold = QueuedRow { key: Some("cold".into()), ordering_key: Some("cold".into()), ..row(1) };
    let mut window = window([cold].into_iter().chain((2..=8).map(row)));
    assert_eq!(take(&mut window), (Some(1), vec![]));
    assert!(window.topic_refused(1) && window.judge(1));
    window.topic_is_lost(1);
    window.buried(1, Instant::now());
    load(&mut window);
    assert_eq!(take(&mut window), (Some(2), vec![]));
    window.delivered(2);
    load(&mut window);
    assert_eq!(take(&mut window), (Some(3), vec![3, 4, 5]));
}

#[test]
fn a_bundle_that_failed_goes_row_by_row_once_all_of_it_has_landed() {
    let mut window = window((1..=6).map(row));
    assert_eq!(take(&mut window), (Some(1), vec![1, 2, 3]));
    assert_eq!(window.bundle_of(2), Some((1, 3)));
    window.unbundle(1);
    assert!(window.is_torn(), "the client may still send the others");
    window.unbundle(2);
    assert_eq!(take(&mut window), (None, vec![]), "the third is under way");
    window.unbundle(3);
    assert!(!window.is_torn());
    for seq in 1..=3 {
        assert_eq!(take(&mut window), (Some(seq), vec![]), "each gets a verdict of its own");
        window.delivered(seq);
    }
    assert_eq!(take(&mut window), (Some(4), vec![4, 5, 6]));
}

/// A row with a lower number, of a transaction that committed late.
#[test]
fn a_row_that_comes_late_has_its_place_behind_a_bundle_under_way() {
    let mut window = window([1, 2, 4, 5].map(row));
    assert_eq!(take(&mut window), (Some(1), vec![1, 2, 4]));
    window.admit(row(3), Source::Position);
    for seq in [1, 2, 4] {
        window.unbundle(seq);
    }
    let order: Vec<i64> = std::iter::from_fn(|| {
        let (first, _) = take(&mut window);
        first.inspect(|seq| window.delivered(*seq))
    })
    .collect();
    assert_eq!(order, [1, 2, 4, 3, 5]);
}

/// Its rows get their answers one after the other, and the first one's must not take the payloads of the others.
#[test]
fn a_bundle_without_an_answer_blocks_its_key_as_a_whole() {
    let mut window = window((1..=5).map(row));
    assert_eq!(take(&mut window), (Some(1), vec![1, 2, 3]));
    assert!(window.set_aside_late(Instant::now()));
    assert_eq!(window.under_way(), TOGETHER);
    for seq in 1..=3 {
        window.delivered(seq);
    }
    let (wanted, _) = window.wanted(10, 1_000);
    assert_eq!(wanted, [4, 5], "those behind it waited as numbers");
    window.loaded(&wanted, wanted.iter().map(|seq| row(*seq)).collect());
    assert_eq!(take(&mut window), (Some(4), vec![]));
}

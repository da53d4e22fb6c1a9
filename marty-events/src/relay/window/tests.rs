use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::outbox::{HeaderText, Number, QueuedRow};

fn row(seq: i64, key: Option<&str>) -> QueuedRow {
    row_for("t", seq, key)
}

fn row_for(topic: &str, seq: i64, key: Option<&str>) -> QueuedRow {
    QueuedRow {
        seq,
        event_id: Uuid::nil(),
        topic: topic.into(),
        key: key.map(Into::into),
        ordering_key: key.map(Into::into),
        lane: 1,
        headers: HeaderText::default(),
        payload: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
    }
}

fn number(seq: i64, ordering_key: Option<&str>) -> Number {
    Number {
        seq,
        topic: "t".to_owned(),
        key: ordering_key.map(str::to_owned),
        ordering_key: ordering_key.map(str::to_owned),
        created_at: Timestamp::UNIX_EPOCH,
        size: 100,
    }
}

fn empty() -> Window {
    Window::new(Limits::new(5_000, 64 << 20), Partitioner::Crc32)
}

fn small(limits: Limits) -> Window {
    Window::new(limits, Partitioner::Crc32)
}

fn window(rows: &[(i64, Option<&str>)]) -> Window {
    let mut window = empty();
    for (seq, key) in rows {
        window.admit(row(*seq, *key), Source::Position);
    }
    window
}

fn take_all(window: &mut Window) -> Vec<i64> {
    let now = Instant::now();
    std::iter::from_fn(|| window.take(now).map(|event| event.seq)).collect()
}

fn wanted(window: &Window) -> Vec<i64> {
    window.wanted(99, usize::MAX).0
}

/// The broker refuses a row, which is written down at once.
fn refuse(window: &mut Window, seq: i64, retry_at: Instant, with_batch: bool) {
    assert!(window.judge(seq));
    window.refused(seq, retry_at, with_batch);
}

/// Parked rows are due, and loaded.
fn retry(window: &mut Window, now: Instant, key: Option<&str>) {
    window.unpark(now);
    let wanted = wanted(window);
    window.loaded(&wanted, wanted.iter().map(|seq| row(*seq, key)).collect());
}

fn settle_all(window: &mut Window) {
    let now = Instant::now();
    window.settled(window.unsettled().len(), &[], now);
    window.forget_gone(now);
}

#[test]
fn one_row_of_a_key_is_under_way_at_a_time_and_unordered_ones_all_are() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, None), (4, Some("b")), (5, None)]);
    assert_eq!(take_all(&mut window), [1, 3, 4, 5]);
    window.delivered(1);
    assert_eq!(take_all(&mut window), [2], "the next of the key, before the first is settled");
    assert_eq!(window.unsettled(), [(row(1, None).row_id(), 1)]);
    settle_all(&mut window);
    assert_eq!((window.whole, window.under_way()), (4, 4));
}

#[test]
fn a_refused_row_keeps_its_number_only_and_makes_room_for_others() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, Some("b"))]);
    assert_eq!(take_all(&mut window), [1, 3]);
    let retry_at = Instant::now() + Duration::from_mins(1);
    refuse(&mut window, 1, retry_at, false);
    assert_eq!((window.whole, wanted(&window)), (1, vec![]), "its successor is a number now, and not wanted yet");
    assert_eq!(window.next_retry(), Some(retry_at));
    window.unpark(Instant::now());
    assert!(wanted(&window).is_empty(), "not yet due");
    retry(&mut window, retry_at, Some("a"));
    assert_eq!(take_all(&mut window), [1]);
    assert_eq!(window.row(1).map(|row| row.attempts), Some(1));
    window.delivered(1);
    assert_eq!(wanted(&window), [2], "the key goes on");
    window.loaded(&[2], vec![row(2, Some("a"))]);
    assert_eq!((take_all(&mut window), wanted(&window)), (vec![2], vec![]));
}

#[test]
fn a_row_that_comes_late_or_again_is_taken_in_once_and_in_its_place() {
    let mut window = window(&[(2, Some("a")), (5, Some("a")), (9, None)]);
    for (seq, key) in [(3, Some("a")), (5, Some("a")), (9, None), (1, Some("a"))] {
        window.admit(row(seq, key), Source::Position);
    }
    let mut order = take_all(&mut window);
    assert_eq!(order, [2, 9], "the first of a key stays the first");
    for _ in 0..3 {
        window.delivered(*order.last().filter(|seq| **seq != 9).unwrap_or(&2));
        order.extend(take_all(&mut window));
    }
    assert_eq!(order, [2, 9, 1, 3, 5]);
}

#[test]
fn a_hot_key_takes_room_for_its_next_rows_only_and_what_has_no_number_comes_by_a_pass() {
    let limits = Limits { numbers: 200, of_key_alone: 100, ..Limits::new(5_000, 64 << 20) };
    let mut window = small(limits);
    for seq in 1..=500 {
        window.admit(row(seq, Some("hot")), Source::Position);
    }
    window.admit(row(501, Some("cold")), Source::Position);
    assert_eq!((window.whole, window.numbers.len(), window.left.lowest()), (101, 200, Some(301)));
    assert!(!window.pass_is_due(i64::MAX), "there is no room for them yet");
    let mut seen = Vec::new();
    loop {
        while let Some(event) = window.take(Instant::now()) {
            let (seq, key) = (event.seq, event.ordering_key.clone());
            window.delivered(seq);
            settle_all(&mut window);
            if key.as_deref() == Some("hot") {
                seen.push(seq);
            }
            let (wanted, _) = window.wanted(30, usize::MAX);
            assert!(wanted.len() <= 30);
            window.loaded(&wanted, wanted.iter().map(|seq| row(*seq, Some("hot"))).collect());
        }
        if !window.pass_is_due(i64::MAX) {
            break;
        }
        window.begin_pass(501);
        for seq in 301..=500 {
            window.admit(row(seq, Some("hot")), Source::Pass);
        }
        window.pass_reached(501);
    }
    assert_eq!(seen, (1..=500).collect::<Vec<_>>());
    assert!(
        window.keys.is_empty() && window.rows.is_empty() && window.lowest().is_none(),
        "nothing is kept of what is done"
    );
}

#[test]
fn a_hot_key_has_more_rows_here_while_half_of_the_window_is_free() {
    let limits = Limits { rows: 100, of_key: 5, of_key_alone: 40, ..Limits::new(100, 64 << 20) };
    let mut window = small(limits);
    let (hot, other) = (1..=50, 51..=100);
    for seq in hot {
        window.admit(row(seq, Some("hot")), Source::Position);
    }
    assert_eq!((window.whole, window.numbers.len()), (40, 10));
    for seq in other {
        window.admit(row(seq, Some("other")), Source::Position);
    }
    assert_eq!(window.whole, 50, "the rest of the window is for other keys");
    for _ in 1..=40 {
        let seq = window.take(Instant::now()).map(|event| event.seq).expect("the next row");
        window.delivered(seq);
    }
    let shares = wanted(&window);
    let of_hot = shares.iter().filter(|seq| **seq <= 50).count();
    assert!(of_hot == 10 && of_hot < shares.len(), "both have a share of a load: {shares:?}");
}

#[test]
fn a_number_whose_row_is_gone_holds_nobody_up() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, Some("a"))]);
    assert_eq!(take_all(&mut window), [1]);
    let now = Instant::now();
    refuse(&mut window, 1, now, false);
    retry(&mut window, now, Some("a"));
    assert_eq!(take_all(&mut window), [1]);
    window.delivered(1);
    assert_eq!(wanted(&window), [2, 3]);
    window.loaded(&[2, 3], vec![row(3, Some("a"))]);
    assert_eq!(take_all(&mut window), [3]);
}

#[test]
fn a_parked_row_that_somebody_took_out_of_the_outbox_lets_its_key_go_on() {
    let mut window = window(&[(1, Some("a")), (2, Some("a"))]);
    assert_eq!(take_all(&mut window), [1]);
    let now = Instant::now();
    refuse(&mut window, 1, now, false);
    window.unpark(now);
    window.loaded(&[1], vec![]);
    assert_eq!(wanted(&window), [2]);
    assert_eq!(window.held, 0);
}

#[test]
fn a_row_refused_with_its_batch_is_tried_with_nothing_else_under_way_to_its_topic() {
    let mut window = window(&[(1, Some("a")), (2, Some("b")), (3, Some("c"))]);
    window.admit(row_for("other", 5, None), Source::Position);
    assert_eq!(take_all(&mut window), [1, 5, 2, 3]);
    let now = Instant::now();
    refuse(&mut window, 1, now, true);
    window.admit(row(4, Some("d")), Source::Position);
    retry(&mut window, now, Some("a"));
    assert_eq!(take_all(&mut window), [] as [i64; 0], "it waits for 2 and 3, and 4 waits for it");
    window.delivered(2);
    window.delivered(3);
    assert_eq!(take_all(&mut window), [1], "5 goes elsewhere, and gets no answer");
    assert!(window.judge(1));
    window.buried(1, now);
    assert_eq!(take_all(&mut window), [4]);
}

#[test]
fn rows_that_are_tried_alone_take_turns_with_the_others() {
    let mut window = empty();
    for seq in 1..=3 {
        window.admit(QueuedRow { attempts: 1, ..row(seq, Some(&format!("large{seq}"))) }, Source::Position);
    }
    for seq in 4..=6 {
        window.admit(row(seq, None), Source::Position);
    }
    let mut order = Vec::new();
    loop {
        let taken = take_all(&mut window);
        if taken.is_empty() {
            break;
        }
        for seq in &taken {
            window.delivered(*seq);
        }
        order.push(taken);
    }
    assert_eq!(order, [vec![1], vec![4, 5, 6], vec![2], vec![3]]);
}

#[test]
fn a_row_that_was_put_back_goes_before_its_successors() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, None)]);
    assert_eq!(take_all(&mut window), [1, 3]);
    window.put_back(1);
    window.put_back(3);
    let mut again = take_all(&mut window);
    again.sort_unstable();
    assert_eq!(again, [1, 3]);
    window.delivered(1);
    assert_eq!(take_all(&mut window), [2]);
}

#[test]
fn a_row_that_cannot_be_read_keeps_its_key_back_whatever_happens_to_earlier_ones() {
    let mut window = window(&[(1, Some("a"))]);
    assert!(window.leave_unreadable(2, Some("a")), "new");
    assert!(!window.leave_unreadable(2, Some("a")), "known, so it is not logged again");
    assert_eq!(take_all(&mut window), [1]);
    window.delivered(1);
    settle_all(&mut window);
    window.admit(row(3, Some("a")), Source::Position);
    assert_eq!((take_all(&mut window), window.whole, window.lowest()), (vec![], 0, Some(2)));
}

#[test]
fn a_number_that_is_given_again_is_noticed() {
    let mut window = window(&[(1, Some("a"))]);
    window.admit(row(1, Some("a")), Source::Position);
    assert!(!window.was_set_back(), "the same event");
    window.admit(QueuedRow { event_id: Uuid::max(), ..row(1, Some("a")) }, Source::Position);
    assert!(window.was_set_back());
}

#[test]
fn rows_take_no_more_bytes_than_there_are_and_one_fits_always() {
    let sized = |seq: i64, key: Option<&str>| QueuedRow { payload: vec![0; 100], ..row(seq, key) };
    let mut window = empty();
    for seq in 1..=3 {
        window.note(number(seq, None), Source::Position);
    }
    window.note(number(4, Some("a")), Source::Position);
    assert_eq!(window.wanted(9, 50).0, [1], "of any size, where nothing is here");
    assert_eq!(window.wanted(9, 250).0, [1, 2]);
    window.loaded(&[1, 2], vec![sized(1, None), sized(2, None)]);
    assert_eq!((window.bytes, window.wanted(9, 50).0), (200, vec![]));
    assert_eq!(window.wanted(9, 250).0, [3, 4]);
    window.loaded(&[3, 4], vec![sized(3, None), sized(4, Some("a"))]);
    window.admit(sized(5, Some("a")), Source::Position);
    assert_eq!(window.bytes, 500);
    assert_eq!(take_all(&mut window), [1, 2, 3, 4]);
    assert!(window.judge(4));
    assert_eq!(window.bytes, 300, "neither its payload nor its successor is here");
    window.delivered(1);
    window.buried(4, Instant::now());
    assert_eq!((window.bytes, window.wanted(9, 100).0), (200, vec![5]));
}

#[test]
fn a_row_that_was_refused_before_a_restart_is_tried_alone() {
    let mut window = window(&[(1, Some("a"))]);
    window.admit(QueuedRow { attempts: 1, ..row(2, Some("b")) }, Source::Position);
    window.admit(QueuedRow { attempts: 1, ..row(3, None) }, Source::Position);
    assert_eq!(take_all(&mut window), [2]);
    window.delivered(2);
    assert_eq!(take_all(&mut window), [1], "those that were not refused have their turn");
    window.delivered(1);
    assert_eq!(take_all(&mut window), [3]);
}

#[test]
fn a_topic_that_refuses_everything_is_tried_with_one_row_and_the_others_wait_for_it() {
    let mut window = empty();
    for seq in 1..=40 {
        window.admit(row_for("missing", seq, Some(&format!("m{seq}"))), Source::Position);
        window.admit(row(100 + seq, Some(&format!("h{seq}"))), Source::Position);
    }
    assert_eq!(take_all(&mut window).len(), 80);
    let judged: Vec<i64> = (1..=40).filter(|seq| window.topic_refused(*seq) && window.judge(*seq)).collect();
    assert_eq!(judged, [40], "the last one that was under way; no attempt is counted for the others");
    let now = Instant::now();
    window.refused(40, now, false);
    (101..=140).for_each(|seq| window.delivered(seq));
    settle_all(&mut window);
    assert_eq!((window.whole, wanted(&window)), (0, vec![]));
    // A further row is not taken in, and one for another topic is.
    window.admit(row_for("missing", 41, Some("m41")), Source::Position);
    window.admit(row(141, Some("h41")), Source::Position);
    assert_eq!(take_all(&mut window), [141]);
    // The topic is made.
    window.unpark(now);
    assert_eq!(wanted(&window), [40]);
    window.loaded(&[40], vec![row_for("missing", 40, Some("m40"))]);
    assert_eq!(take_all(&mut window), [40]);
    window.delivered(40);
    let mut rest = wanted(&window);
    rest.sort_unstable();
    assert_eq!(rest, (1..=39).chain([41]).collect::<Vec<_>>());
}

#[test]
fn of_a_topic_that_is_lost_several_rows_are_given_up_at_a_time() {
    let mut window = small(Limits { last_tries: 10, ..Limits::new(5_000, 64 << 20) });
    for seq in 1..=35 {
        window.admit(row_for("missing", seq, None), Source::Position);
    }
    let now = Instant::now();
    let mut lost = 0;
    let mut steps = 0;
    loop {
        let taken = take_all(&mut window);
        let judged: Vec<i64> =
            taken.into_iter().filter(|seq| window.topic_refused(*seq) && window.judge(*seq)).collect();
        assert!(judged.len() <= 10);
        for seq in judged {
            window.topic_is_lost(seq);
            window.buried(seq, now);
            lost += 1;
        }
        window.forget_gone(now);
        if !window.pass_is_due(i64::MAX) {
            break;
        }
        window.begin_pass(35);
        let first = window.pass().map_or(36, |(from, _)| from + 1);
        let gone: Vec<i64> = (first..=35).collect();
        // The outbox has those that were not buried; which these are does not matter here.
        for seq in gone.into_iter().filter(|seq| 35 - *seq < 35 - lost) {
            window.admit(row_for("missing", seq, None), Source::Pass);
        }
        window.pass_reached(35);
        steps += 1;
        assert!(steps < 20);
    }
    assert_eq!(lost, 35);
}

#[test]
fn a_partition_that_does_not_answer_holds_nobody_up() {
    let mut window = empty();
    let partition = |key: &str| Partitioner::Crc32.partition(key.as_bytes(), 2).unwrap();
    let keys: Vec<String> = (0..100).map(|number| format!("k{number}")).collect();
    for (seq, key) in (1..).zip(&keys) {
        window.admit(row(seq, Some(key)), Source::Position);
    }
    assert_eq!(take_all(&mut window).len(), 100);
    let hangs: Vec<i64> = (1..).zip(&keys).filter(|(_, key)| partition(key) == 1).map(|(seq, _)| seq).collect();
    for (seq, _) in (1..).zip(&keys).filter(|(seq, _)| !hangs.contains(seq)) {
        window.delivered(seq);
    }
    settle_all(&mut window);
    let then = Instant::now();
    assert_eq!(window.late_topics(then).len(), 1);
    window.learn_partitions("t", 2);
    assert!(window.set_aside_late(then), "one of its partitions hangs");
    assert_eq!((window.awaited(), window.under_way(), window.whole), (0, hangs.len(), 0));
    assert_eq!(window.room().0, 5_000);
    // Further rows for it are not taken in, and those for the other one are.
    for (seq, key) in (201..).zip(&keys) {
        window.admit(row(seq, Some(key)), Source::Position);
    }
    let sent = take_all(&mut window);
    assert_eq!(sent.len(), 100 - hangs.len());
    for seq in &sent {
        window.delivered(*seq);
    }
    assert!(!window.set_aside_late(Instant::now()));
    // The leader is back.
    for seq in &hangs {
        window.delivered(*seq);
    }
    assert_eq!((wanted(&window).len(), window.under_way()), (hangs.len(), 0));
}

#[test]
fn more_refused_rows_than_can_be_held_are_left_behind_with_their_keys() {
    let mut window = small(Limits { held: 3, ..Limits::new(5_000, 64 << 20) });
    for seq in 1..=10 {
        window.admit(row(seq, Some(&format!("k{seq}"))), Source::Position);
    }
    let held = take_all(&mut window).into_iter().filter(|seq| window.judge(*seq)).count();
    assert_eq!((held, window.rows.len(), window.lowest()), (3, 3, Some(1)));
    window.admit(row(11, Some("k9")), Source::Position);
    assert_eq!(take_all(&mut window), [] as [i64; 0], "a successor waits");
}

#[test]
fn a_page_that_was_asked_for_before_a_row_was_gone_does_not_bring_it_back() {
    let mut window = window(&[(1, Some("a"))]);
    take_all(&mut window);
    let asked = Instant::now();
    window.delivered(1);
    let settled = asked + Duration::from_millis(1);
    window.settled(1, &[], settled);
    window.forget_gone(asked);
    window.admit(row(1, Some("a")), Source::Position);
    assert_eq!(take_all(&mut window), [] as [i64; 0]);
    window.forget_gone(settled);
    assert!(window.rows.is_empty());
}

#[test]
fn rows_that_somebody_else_has_locked_are_settled_later() {
    let mut window = window(&[(1, None), (2, None)]);
    take_all(&mut window);
    (1..=2).for_each(|seq| window.delivered(seq));
    window.settled(2, &[2], Instant::now());
    assert_eq!((window.unsettled().len(), window.locked(), window.lowest()), (0, 1, Some(2)));
    window.settle_locked();
    assert_eq!((window.unsettled().len(), window.locked()), (1, 0));
}

#[test]
fn rows_put_back_to_a_destination_that_does_not_answer_are_set_aside_again() {
    let limits = Limits {
        rows: 4,
        bytes: 10_000,
        of_key: 9,
        of_key_alone: 9,
        numbers: 99,
        held: 99,
        last_tries: 9,
        bundle: 9,
        bundle_bytes: 0,
    };
    let mut window = small(limits);
    for seq in 1..=4 {
        window.admit(row(seq, Some(&format!("k{seq}"))), Source::Position);
    }
    assert_eq!(take_all(&mut window).len(), 4);
    assert!(window.set_aside_late(Instant::now()));
    assert_eq!(window.room().0, 4);
    // MessageTimedOut, or a lost producer.
    for seq in 1..=4 {
        window.put_back(seq);
    }
    let wanted = wanted(&window);
    let rows = wanted.iter().map(|seq| row(*seq, Some(&format!("k{seq}")))).collect();
    window.loaded(&wanted, rows);
    assert_eq!(take_all(&mut window).len(), 4);
    let new = window.set_aside_late(Instant::now());
    assert_eq!((new, window.room().0, window.awaited()), (false, 4, 0), "the window is full of rows that hang");
}

#[test]
fn a_row_that_turns_out_unreadable_keeps_its_key_back() {
    let mut window = empty();
    for seq in [5, 6] {
        window.note(number(seq, Some("a")), Source::Position);
    }
    let wanted = wanted(&window);
    assert_eq!(wanted, [5, 6]);
    window.leave_unreadable(5, Some("a"));
    window.loaded(&wanted, vec![row(6, Some("a"))]);
    assert_eq!(take_all(&mut window), [] as [i64; 0], "6 overtakes 5");
}

#[test]
fn rows_left_behind_for_want_of_a_place_return_when_there_is_one() {
    let mut window = small(Limits {
        rows: 9,
        bytes: 10_000,
        of_key: 9,
        of_key_alone: 9,
        numbers: 99,
        held: 1,
        last_tries: 9,
        bundle: 9,
        bundle_bytes: 0,
    });
    window.admit(row(1, Some("a")), Source::Position);
    window.admit(row(2, Some("b")), Source::Position);
    window.admit(row(3, Some("b")), Source::Position);
    take_all(&mut window);
    assert!(window.judge(1));
    assert!(!window.judge(2));
    window.buried(1, Instant::now());
    assert_eq!((window.held, window.left.lowest()), (0, Some(2)));
    assert!(window.pass_is_due(9), "nothing brings 2 and 3 back");
}

#[test]
fn a_pass_that_is_cancelled_leaves_its_keys_closed_and_begins_anew() {
    let mut window = small(Limits { held: 0, ..Limits::new(5_000, 64 << 20) });
    for (seq, key) in [(1, "a"), (2, "b")] {
        window.admit(row(seq, Some(key)), Source::Position);
    }
    assert!(!take_all(&mut window).into_iter().any(|seq| window.judge(seq)), "both are left behind");
    window.look_from(1);
    window.begin_pass(9);
    window.admit(row(1, Some("a")), Source::Pass);
    window.pass_reached(1);
    window.cancel_pass();
    window.admit(row(3, Some("b")), Source::Position);
    assert_eq!(take_all(&mut window), [1], "the successor of the row that the pass had not reached waits");
    assert!(window.pass_is_due(9));
    window.begin_pass(9);
    assert_eq!(window.pass(), Some((1, 9)));
}

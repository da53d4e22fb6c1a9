use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::outbox::HeaderText;

fn row(seq: i64, key: Option<&str>) -> Record {
    Record {
        seq,
        event_id: Uuid::nil(),
        topic: "t".to_owned(),
        key: key.map(str::to_owned),
        ordering_key: key.map(Into::into),
        lane: 1,
        headers: HeaderText::default(),
        payload: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        attempts: 0,
    }
}

fn window(rows: &[(i64, Option<&str>)]) -> Window {
    let mut window = Window::default();
    for (seq, key) in rows {
        window.admit(row(*seq, *key));
    }
    window
}

fn take_all(window: &mut Window) -> Vec<i64> {
    std::iter::from_fn(|| window.take().map(|event| event.seq)).collect()
}

#[test]
fn one_row_of_a_key_is_under_way_at_a_time_and_unordered_ones_all_are() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, None), (4, Some("b")), (5, None)]);
    assert_eq!(take_all(&mut window), [1, 3, 4, 5]);
    window.delivered(1);
    assert_eq!(take_all(&mut window), [2], "the next of the key, before the first is settled");
    assert_eq!(window.unsettled(), [(row(1, None).row_id(), 1)]);
    window.settled(1);
    assert_eq!((window.len(), window.under_way()), (4, 4));
}

#[test]
fn a_refused_row_blocks_its_key_and_makes_room_for_others() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, Some("b"))]);
    assert_eq!(take_all(&mut window), [1, 3]);
    let retry_at = Instant::now() + Duration::from_mins(1);
    window.refused(1, retry_at, false);
    assert_eq!(
        (window.len(), window.wanted(9, usize::MAX).0),
        (2, vec![]),
        "its successor is a number now, and not wanted yet"
    );
    assert_eq!(window.next_retry(), Some(retry_at));
    window.unpark(Instant::now());
    assert_eq!(take_all(&mut window), [] as [i64; 0], "not yet due");
    window.unpark(retry_at);
    assert_eq!(take_all(&mut window), [1]);
    assert_eq!(window.attempts(1), 1);
    window.delivered(1);
    assert_eq!(window.wanted(9, usize::MAX).0, [2], "the key goes on");
    window.loaded(&[2], vec![row(2, Some("a"))]);
    assert_eq!((take_all(&mut window), window.wanted(9, usize::MAX).0), (vec![2], vec![]));
}

#[test]
fn a_row_that_comes_late_or_again_is_taken_in_once_and_in_its_place() {
    let mut window = window(&[(2, Some("a")), (5, Some("a")), (9, None)]);
    window.admit(row(3, Some("a")));
    window.admit(row(5, Some("a")));
    window.admit(row(9, None));
    window.admit(row(1, Some("a")));
    let mut order = take_all(&mut window);
    assert_eq!(order, [2, 9], "the first of a key stays the first");
    for _ in 0..3 {
        window.delivered(*order.last().filter(|seq| **seq != 9).unwrap_or(&2));
        order.extend(take_all(&mut window));
    }
    assert_eq!(order, [2, 9, 1, 3, 5]);
}

#[test]
fn a_hot_key_takes_room_for_its_next_rows_only() {
    let mut window = Window::default();
    let last = i64::try_from(WHOLE_ROWS).unwrap() * 5;
    for seq in 1..=last {
        window.admit(row(seq, Some("hot")));
    }
    window.admit(row(last + 1, Some("cold")));
    assert_eq!((window.len(), window.wanted(1, usize::MAX).0), (WHOLE_ROWS + 1, vec![]));
    let mut seen = Vec::new();
    while let Some(event) = window.take() {
        let (seq, key) = (event.seq, event.ordering_key.clone());
        window.delivered(seq);
        window.settled(1);
        if key.as_deref() == Some("hot") {
            seen.push(seq);
        }
        let wanted = window.wanted(30, usize::MAX).0;
        assert!(wanted.len() <= 30);
        window.loaded(&wanted, wanted.iter().map(|seq| row(*seq, Some("hot"))).collect());
    }
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
    assert!(window.keys.is_empty() && window.rows.is_empty(), "nothing is kept of what is done");
}

#[test]
fn a_number_whose_row_is_gone_holds_nobody_up() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, Some("a"))]);
    assert_eq!(take_all(&mut window), [1]);
    window.refused(1, Instant::now(), false);
    window.unpark(Instant::now());
    assert_eq!(take_all(&mut window), [1]);
    window.delivered(1);
    assert_eq!(window.wanted(9, usize::MAX).0, [2, 3]);
    window.loaded(&[2, 3], vec![row(3, Some("a"))]);
    assert_eq!(take_all(&mut window), [3]);
}

#[test]
fn a_row_refused_with_its_batch_is_tried_with_nothing_else_under_way() {
    let mut window = window(&[(1, Some("a")), (2, Some("b")), (3, Some("c"))]);
    assert_eq!(take_all(&mut window), [1, 2, 3]);
    let now = Instant::now();
    window.refused(1, now, true);
    window.admit(row(4, Some("d")));
    window.unpark(now);
    assert_eq!(take_all(&mut window), [] as [i64; 0], "it waits for 2 and 3, and 4 waits for it");
    window.delivered(2);
    window.delivered(3);
    assert_eq!(take_all(&mut window), [1]);
    window.buried(1);
    assert_eq!(take_all(&mut window), [4]);
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
    assert!(window.set_aside(2, Some("a".to_owned())), "new");
    assert!(!window.set_aside(2, Some("a".to_owned())), "known, so it is not logged again");
    assert_eq!(take_all(&mut window), [1]);
    window.delivered(1);
    window.settled(1);
    window.admit(row(3, Some("a")));
    assert_eq!((take_all(&mut window), window.len()), (vec![], 0));
}

#[test]
fn a_number_that_is_given_again_is_noticed() {
    let mut window = window(&[(1, Some("a"))]);
    window.admit(row(1, Some("a")));
    assert!(!window.was_set_back(), "the same event");
    window.admit(Record { event_id: Uuid::max(), ..row(1, Some("a")) });
    assert!(window.was_set_back());
}

#[test]
fn rows_take_no_more_bytes_than_there_are_and_one_fits_always() {
    let sized = |seq: i64, key: Option<&str>| Record { payload: vec![0; 100], ..row(seq, key) };
    let mut window = Window::default();
    for seq in 1..=3 {
        window.note(number(seq, None));
    }
    window.note(number(4, Some("a")));
    assert_eq!(window.wanted(9, 50).0, [1], "of any size, where nothing is here");
    assert_eq!(window.wanted(9, 250).0, [1, 2]);
    window.loaded(&[1, 2], vec![sized(1, None), sized(2, None)]);
    assert_eq!((window.bytes(), window.wanted(9, 50).0, window.wants_more_than(0)), (200, vec![], true));
    assert_eq!(window.wanted(9, 250).0, [3, 4]);
    window.loaded(&[3, 4], vec![sized(3, None), sized(4, Some("a"))]);
    window.admit(sized(5, Some("a")));
    assert_eq!((window.bytes(), window.wants_more_than(0)), (500, false));
    assert_eq!(take_all(&mut window), [1, 2, 3, 4]);
    window.refused(4, Instant::now(), false);
    assert_eq!(window.bytes(), 400, "its successor is a number now");
    window.delivered(1);
    window.buried(4);
    window.settled(1);
    assert_eq!((window.bytes(), window.wanted(9, 100).0), (200, vec![5]));
}

#[test]
fn a_row_that_was_refused_before_a_restart_is_tried_alone() {
    let mut window = window(&[(1, Some("a"))]);
    window.admit(Record { attempts: 1, ..row(2, Some("b")) });
    window.admit(Record { attempts: 1, ..row(3, None) });
    assert_eq!(take_all(&mut window), [2]);
    assert!(window.was_alone(2) && !window.was_alone(1));
    window.delivered(2);
    assert_eq!(take_all(&mut window), [3]);
    window.delivered(3);
    assert_eq!(take_all(&mut window), [1]);
}

#[test]
fn a_row_of_a_blocked_key_takes_no_room() {
    let mut window = window(&[(1, Some("a")), (2, Some("a"))]);
    assert_eq!(take_all(&mut window), [1]);
    window.refused(1, Instant::now() + Duration::from_mins(1), false);
    window.admit(row(3, Some("a")));
    assert_eq!((window.len(), window.wanted(9, usize::MAX).0), (1, vec![]));
}

#[test]
fn a_row_that_is_here_waits_for_those_before_it_that_are_not() {
    let mut window = Window::default();
    let last = i64::try_from(WHOLE_ROWS).unwrap() + 1;
    for seq in 1..=last {
        window.admit(row(seq, Some("hot")));
    }
    assert_eq!(take_all(&mut window), [1]);
    window.delivered(1);
    window.settled(1);
    // There is room for it now, and the one before it is a number; that is not read before all the others are gone.
    window.admit(row(last + 1, Some("hot")));
    let mut order = Vec::new();
    loop {
        while let Some(seq) = window.take().map(|event| event.seq) {
            order.push(seq);
            window.delivered(seq);
        }
        let wanted = window.wanted(9, usize::MAX).0;
        if wanted.is_empty() {
            break;
        }
        window.loaded(&wanted, wanted.iter().map(|seq| row(*seq, Some("hot"))).collect());
    }
    assert_eq!(order, (2..=last + 1).collect::<Vec<_>>());
}

fn number(seq: i64, ordering_key: Option<&str>) -> Number {
    Number {
        seq,
        topic: "topic".to_owned(),
        key: ordering_key.map(str::to_owned),
        ordering_key: ordering_key.map(str::to_owned),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        size: 100,
    }
}

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;

fn row(seq: i64, key: Option<&str>) -> PendingEvent {
    PendingEvent {
        seq,
        event_id: Uuid::nil(),
        event_type: "moved".to_owned(),
        topic: "t".to_owned(),
        key: key.map(str::to_owned),
        ordering_key: key.map(str::to_owned),
        headers: Vec::new(),
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
    assert_eq!(window.unsettled(), [1]);
    window.settled(1);
    assert_eq!((window.len(), window.under_way()), (4, 4));
}

#[test]
fn a_refused_row_blocks_its_key_and_makes_room_for_others() {
    let mut window = window(&[(1, Some("a")), (2, Some("a")), (3, Some("b"))]);
    assert_eq!(take_all(&mut window), [1, 3]);
    let retry_at = Instant::now() + Duration::from_mins(1);
    window.refused(1, retry_at, false);
    let (seqs, keys) = window.exclusions();
    assert!(!seqs.contains(&2) && seqs.contains(&1), "its successor is read again later: {seqs:?}");
    assert_eq!(keys, ["a"]);
    assert_eq!(window.next_retry(), Some(retry_at));
    window.unpark(Instant::now());
    assert_eq!(take_all(&mut window), [] as [i64; 0], "not yet due");
    window.unpark(retry_at);
    assert_eq!(take_all(&mut window), [1]);
    assert_eq!(window.attempts(1), 1);
    window.delivered(1);
    assert_eq!(window.exclusions().1, [] as [String; 0], "the key goes on");
    window.admit(row(2, Some("a")));
    assert_eq!(take_all(&mut window), [2]);
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
    assert_eq!(window.exclusions(), (vec![2], vec!["a".to_owned()]));
}

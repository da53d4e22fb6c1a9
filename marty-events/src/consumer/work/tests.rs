//! The queue in single cases.

use std::time::{Duration, Instant};

use super::{lines::COMPANY, queue::*};
use crate::kafka::{Flow, Partition};

const LIMITS: Limits = Limits { rows: 30, bytes: 300, batch: 5 };

fn partition(number: i32) -> Partition {
    ("topic".into(), number)
}

/// A record that is handled alone.
fn single<R>(lane: u64, record: R) -> Job<R> {
    Job { lane, batches: None, record }
}

fn take_one<R>(queue: &mut WorkQueue<R>) -> Option<(R, Ticket)> {
    match queue.take(Instant::now()) {
        Next::Records(mut batch) => batch.pop().map(Taken::into_parts),
        Next::After(_) | Next::Nothing => None,
    }
}

#[test]
fn a_handler_of_batches_begins_at_once_and_beside_its_own_batch_with_a_full_one_or_after_a_while() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    let mut offset = 0_i64;
    let mut read = |queue: &mut WorkQueue<i64>, batches| {
        offset += 1;
        let lane = offset.unsigned_abs();
        queue.admit(&place, offset, 1, Some(Job { lane, batches, record: offset }))
    };
    let numbers = |next| match next {
        Next::Records(batch) => Ok(batch.into_iter().map(|taken| taken.record).collect::<Vec<i64>>()),
        Next::After(pause) => Err(Some(pause)),
        Next::Nothing => Err(None),
    };
    let now = Instant::now();
    assert!(read(&mut queue, Some(7)));
    assert_eq!(numbers(queue.take(now)), Ok(vec![1]), "a lone record goes at once");
    assert_eq!([2, 3, 4, 5].map(|_| read(&mut queue, Some(7))), [true, false, false, false]);
    assert_eq!(numbers(queue.take(now)), Err(Some(COMPANY)));
    assert!(read(&mut queue, Some(8)) && read(&mut queue, None));
    assert_eq!(numbers(queue.take(now)), Ok(vec![6]), "another handler's do not wait");
    assert_eq!(numbers(queue.take(now)), Ok(vec![7]));
    assert!(read(&mut queue, Some(7)), "the batch is full");
    assert_eq!(numbers(queue.take(now)), Ok(vec![2, 3, 4, 5, 8]));
    assert!(read(&mut queue, Some(7)));
    assert_eq!(numbers(queue.take(now)), Err(Some(COMPANY)));
    let early = Duration::from_millis(1);
    assert_eq!(numbers(queue.take(now + early)), Err(Some(COMPANY.saturating_sub(early))));
    assert_eq!(numbers(queue.take(now + COMPANY)), Ok(vec![9]));
    assert_eq!(numbers(queue.take(now + COMPANY)), Err(None));
}

#[test]
fn the_records_that_have_waited_longest_go_first_whichever_handler_they_are_for() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    for (offset, batches) in [(0_i64, None), (1, Some(1)), (2, None), (3, Some(0)), (4, Some(1))] {
        let lane = offset.unsigned_abs();
        queue.admit(&place, offset, 1, Some(Job { lane, batches, record: offset }));
    }
    let mut order = Vec::new();
    while let Next::Records(batch) = queue.take(Instant::now()) {
        order.push(batch.iter().map(|taken| taken.record).collect::<Vec<_>>());
    }
    assert_eq!(order, [vec![0], vec![1, 4], vec![2], vec![3]]);
}

#[test]
fn a_result_of_an_earlier_assignment_commits_nothing() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    queue.admit(&place, 0, 1, Some(single(1, "old")));
    let (_, old) = take_one(&mut queue).expect("a record");
    queue.leave(std::slice::from_ref(&place));
    queue.release(std::slice::from_ref(&place));
    queue.assign(place.clone());
    queue.admit(&place, 0, 1, Some(single(1, "new")));
    assert!(take_one(&mut queue).is_none(), "the key is still at work");
    assert!(queue.finish(&old), "now it is the new one's turn");
    assert_eq!(queue.advanced(), []);
    let (record, new) = take_one(&mut queue).expect("a record");
    assert_eq!(record, "new");
    queue.finish(&new);
    assert_eq!(queue.advanced(), [(place, 1)]);
}

#[test]
fn a_full_partition_is_paused_alone_until_it_has_half_of_its_share() {
    let mut queue = WorkQueue::new(Limits { rows: 8, bytes: 1_000, batch: 1 });
    let (slow, other) = (partition(0), partition(1));
    queue.assign(slow.clone());
    queue.assign(other.clone());
    for offset in 0..4 {
        queue.admit(&slow, offset, 1, Some(single(1, ())));
    }
    assert_eq!(queue.flow(), Flow { pause: vec![slow.clone()], resume: vec![] });
    assert_eq!(queue.flow(), Flow::default());
    for _ in 0..2 {
        let ((), ticket) = take_one(&mut queue).expect("a record");
        assert_eq!(queue.flow(), Flow::default());
        queue.finish(&ticket);
    }
    assert_eq!(queue.flow(), Flow { pause: vec![], resume: vec![slow] });
}

#[test]
fn records_of_a_log_that_was_cut_are_taken_in_at_offsets_that_were_read_before() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    queue.admit(&place, 8, 1, Some(single(1, "old")));
    assert!(queue.admit(&place, 3, 1, Some(single(2, "new"))));
    let (_, old) = take_one(&mut queue).expect("a record");
    let (record, new) = take_one(&mut queue).expect("a record");
    assert_eq!(record, "new");
    queue.finish(&new);
    assert_eq!(queue.advanced(), [], "the old one is not finished");
    queue.finish(&old);
    assert_eq!(queue.advanced(), [(place, 4)]);
}

#[test]
fn a_drained_queue_begins_nothing_and_pauses_everything() {
    let mut queue = WorkQueue::new(LIMITS);
    let place = partition(0);
    queue.assign(place.clone());
    queue.admit(&place, 0, 1, Some(single(1, ())));
    queue.admit(&place, 1, 1, Some(single(1, ())));
    let ((), ticket) = take_one(&mut queue).expect("a record");
    queue.drain();
    assert!(!queue.is_drained());
    assert_eq!(queue.flow(), Flow { pause: vec![place.clone()], resume: vec![] });
    assert!(!queue.finish(&ticket) && queue.is_drained());
    assert!(!queue.admit(&place, 1, 1, Some(single(1, ()))) && take_one(&mut queue).is_none());
    assert_eq!((queue.advanced(), queue.flow()), (vec![(place, 1)], Flow::default()));
}

#[test]
fn a_partition_is_paused_by_the_bytes_of_its_records_too() {
    let mut queue = WorkQueue::new(Limits { rows: 1_000, bytes: 100, batch: 1 });
    let place = partition(0);
    queue.assign(place.clone());
    queue.admit(&place, 0, 99, Some(single(1, ())));
    assert_eq!(queue.flow(), Flow::default());
    queue.admit(&place, 1, 1, Some(single(2, ())));
    assert_eq!(queue.flow(), Flow { pause: vec![place.clone()], resume: vec![] });
    let ((), ticket) = take_one(&mut queue).expect("a record");
    queue.finish(&ticket);
    assert_eq!(queue.flow(), Flow { pause: vec![], resume: vec![place] });
}

#[test]
fn a_partition_that_is_about_to_go_begins_nothing_and_takes_nothing_in() {
    let mut queue = WorkQueue::new(LIMITS);
    let (going, staying) = (partition(0), partition(1));
    queue.assign(going.clone());
    queue.assign(staying.clone());
    for (offset, key) in [(0, 1), (1, 1), (2, 2)] {
        queue.admit(&going, offset, 1, Some(single(key, ())));
    }
    queue.admit(&staying, 0, 1, Some(single(3, ())));
    let ((), ticket) = take_one(&mut queue).expect("a record");
    queue.leave(std::slice::from_ref(&going));
    assert!(!queue.admit(&going, 3, 1, Some(single(4, ()))));
    assert!(!queue.is_at_rest(std::slice::from_ref(&going)));
    assert!(!queue.finish(&ticket), "the next record of its key is the next owner's");
    assert!(queue.is_at_rest(std::slice::from_ref(&going)));
    assert_eq!(queue.advanced(), [(going, 1)]);
    let ((), ticket) = take_one(&mut queue).expect("the other partition's record");
    assert!(take_one(&mut queue).is_none());
    queue.finish(&ticket);
    assert_eq!(queue.advanced(), [(staying, 1)]);
}

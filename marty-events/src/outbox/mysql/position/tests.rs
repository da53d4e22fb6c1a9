use super::*;

mod model;

fn read(position: &mut MySqlPosition, late: &[i64], next: &[i64]) {
    let rows = |numbers: &[i64]| numbers.iter().map(|number| (*number, ())).collect::<Vec<_>>();
    let ask = position.ask(100);
    position.take(&ask, &mut rows(late), &mut rows(next), Instant::now());
}

/// The numbers in gaps.
fn missing(position: &MySqlPosition) -> Vec<i64> {
    position.gaps().all().into_iter().flat_map(|(first, last)| first..=last).collect()
}

fn resumed(mark: &str) -> MySqlPosition {
    MySqlPosition::resume(&[Some(mark.to_owned())])
}

#[test]
fn what_is_missing_below_the_cursor_is_a_gap_until_it_comes() {
    let mut position = MySqlPosition::default();
    assert!(position.is_new());
    read(&mut position, &[], &[3, 4, 8]);
    assert!(!position.is_new());
    assert_eq!((position.cursor(), position.gaps().all()), (8, vec![(1, 2), (5, 7)]));
    assert_eq!(position.low(), i64::MIN, "everything is looked for");
    read(&mut position, &[6], &[]);
    assert_eq!(position.gaps().all(), [(1, 2), (5, 5), (7, 7)]);
    read(&mut position, &[1, 2], &[]);
    assert_eq!(position.low(), 4);
    read(&mut position, &[5, 7], &[9]);
    assert_eq!((position.cursor(), position.gaps().all(), position.low()), (9, vec![], 9));
}

#[test]
fn late_rows_come_in_pages_and_nothing_overtakes_them() {
    let now = Instant::now();
    let mut position = MySqlPosition::default();
    let ask = position.ask(3);
    position.take(&ask, &mut vec![], &mut vec![(10, ())], now);
    let ask = position.ask(3);
    let (mut late, mut next) = ((2..=7).map(|number| (number, ())).collect(), vec![(11, ())]);
    assert!(position.take(&ask, &mut late, &mut next, now), "there is more");
    assert_eq!((late, next), (vec![(2, ()), (3, ()), (4, ())], vec![]));
    let ask = position.ask(3);
    let (mut late, mut next) = ((5..=7).map(|number| (number, ())).collect(), vec![(11, ())]);
    assert!(!position.take(&ask, &mut late, &mut next, now));
    assert_eq!((late.len(), next.len(), position.cursor()), (3, 1, 11));
}

#[test]
fn numbers_that_were_given_already_are_looked_through_in_bounded_ranges() {
    let mut position = MySqlPosition::default();
    position.begin(7, 250_001, Instant::now());
    let mut ends = Vec::new();
    while position.is_behind() {
        let ask = position.ask(100);
        ends.push(ask.end);
        position.take::<()>(&ask, &mut vec![], &mut vec![], Instant::now());
        position.took(if ends.len() < 3 { 2 * SLOW } else { Duration::ZERO });
    }
    assert_eq!(ends, [100_000, 150_000, 175_000, 225_000, 250_000]);
    assert_eq!(position.ask(100).end, i64::MAX);
    assert_eq!(missing(&position), (1..=250_000).collect::<Vec<_>>());
}

#[test]
fn a_mark_leads_back_to_the_same_place() {
    let mut position = MySqlPosition::default();
    assert_eq!(position.mark(None), None, "nothing was read");
    position.begin(7, 1, Instant::now());
    read(&mut position, &[], &[3, 4, 8]);
    assert_eq!(position.mark(None).as_deref(), Some("1 7 8 8 1-2,5-7"));
    assert_eq!(position.mark(Some(6)).as_deref(), Some("1 7 5 8 1-2,5-5"));
    let mut next = resumed("1 7 5 8 1-2,5-5");
    next.begin(7, 9, Instant::now());
    assert!(next.is_new() && next.is_behind());
    assert_eq!((next.cursor(), next.gaps().all(), next.low()), (5, vec![(1, 2), (5, 5)], i64::MIN));
    read(&mut next, &[], &[8]);
    assert_eq!(missing(&next), [1, 2, 5, 6, 7]);
}

#[test]
fn several_marks_lead_to_the_lowest_of_them() {
    let marks =
        |marks: &[&str]| MySqlPosition::resume(&marks.iter().map(|mark| Some((*mark).to_owned())).collect::<Vec<_>>());
    let lowest = marks(&["1 7 50 60 3-4,40-50", "1 7 20 90 4-6,20-20", "1 7 30 30 10-25"]);
    assert_eq!((lowest.cursor(), lowest.top), (20, 90));
    assert_eq!(missing(&lowest), [3, 4, 5, 6].into_iter().chain(10..=20).collect::<Vec<_>>());
    assert_eq!(marks(&["1 7 50 60 ", "1 8 50 60 "]), MySqlPosition::default(), "in different tables");
    let missing = [Some("1 7 50 60 ".to_owned()), None];
    assert_eq!(MySqlPosition::resume(&missing), MySqlPosition::default());
    assert_eq!(MySqlPosition::resume(&[]), MySqlPosition::default());
    for unreadable in ["", "2 7 50 60 ", "1 7 50", "1 7 x 60 ", "1 7 50 60 9", "1 7 50 60 9-8", "1 7 50 60 50-51"] {
        assert_eq!(resumed(unreadable), MySqlPosition::default(), "{unreadable}");
    }
}

#[test]
fn a_mark_of_a_table_that_was_emptied_is_void() {
    for (created, next) in [(8, 61), (7, 1), (7, 60)] {
        let mut position = resumed("1 7 50 60 3-4");
        position.begin(created, next, Instant::now());
        assert_eq!((position.cursor(), position.gaps().all()), (0, vec![]), "{created} {next}");
    }
}

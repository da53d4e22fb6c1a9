use super::{super::snapshot::Snapshot, *};

fn read_point(snapshot: &str) -> ReadPoint {
    let place = Place { started: 1, file: 1 };
    ReadPoint { snapshot: Snapshot::parse(snapshot).expect("a snapshot"), place }
}

fn named(position: &PostgresPosition) -> Vec<(u64, i64)> {
    position.named.iter().map(|(xid, floor)| (*xid, *floor)).collect()
}

#[test]
fn a_named_transaction_is_waited_for_above_what_was_read_two_reads_before() {
    let mut position = PostgresPosition::default();
    position.advance(&read_point("10:12:10"), 100, Some(100));
    assert_eq!((position.cursor, position.behind, named(&position)), (100, i64::MIN, vec![(10, i64::MIN)]));
    position.advance(&read_point("10:15:10,13"), 120, Some(120));
    assert_eq!(named(&position), [(10, i64::MIN), (13, i64::MIN)], "13 may have run unnamed at the first read");
    position.advance(&read_point("13:18:13,16"), 120, None);
    assert_eq!(named(&position), [(13, i64::MIN), (16, 100)], "16 began after the first read");
    assert_eq!((position.cursor, position.behind, position.next_xid), (120, 120, 18));
    position.advance(&read_point("18:18:"), 121, Some(121));
    assert_eq!(named(&position), []);
}

#[test]
fn numbers_that_were_drawn_are_read_in_ranges_whose_width_follows_the_pace() {
    let mut position = PostgresPosition::default();
    assert_eq!(position.bounds().end, None, "nothing is known to be drawn");
    position.advance(&read_point("10:10:"), 1_000_000, Some(1_000_000));
    assert_eq!(position.bounds().end, None);
    let mut position = PostgresPosition::resume(&[position.mark(Some(1))]);
    assert_eq!(position.bounds().end, Some(FIRST_WIDTH));
    position.pace(std::time::Duration::from_millis(20));
    assert_eq!(position.bounds().end, Some(2 * FIRST_WIDTH));
    position.pace(std::time::Duration::from_secs(2));
    position.pace(std::time::Duration::from_secs(2));
    assert_eq!(position.bounds().end, Some(FIRST_WIDTH / 2));
    position.advance(&read_point("12:12:"), 999_999, None);
    assert_eq!(position.bounds().end, Some(1_000_000));
}

#[test]
fn another_table_and_ids_that_fell_back_begin_anew_and_a_start_of_the_server_reads_the_last_numbers_again() {
    let read = || {
        let mut position = PostgresPosition::default();
        position.advance(&read_point("10:12:10"), 1_000_000, Some(1_000_000));
        position
    };
    let mut position = read();
    assert_eq!(position.recognises(&read_point("12:12:")), Recognition::Same);
    let other = ReadPoint { place: Place { started: 1, file: 2 }, ..read_point("20:20:") };
    assert_eq!((position.recognises(&other), position), (Recognition::Other, PostgresPosition::default()));
    let mut position = read();
    assert_eq!(
        (position.recognises(&read_point("9:9:")), position),
        (Recognition::SetBack, PostgresPosition::default())
    );
    let mut position = read();
    let started = ReadPoint { place: Place { started: 2, file: 1 }, ..read_point("20:20:") };
    assert_eq!(position.recognises(&started), Recognition::Other);
    assert_eq!((position.cursor, position.seen, named(&position)), (900_000, 900_000, vec![(10, i64::MIN)]));
    assert_eq!(position.recognises(&started), Recognition::Same, "once");
    // A crash forgets ids that wrote nothing, and a restore all that came after it.
    let mut position = read();
    let crashed = ReadPoint { place: Place { started: 2, file: 1 }, ..read_point("11:11:") };
    assert_eq!(position.recognises(&crashed), Recognition::Other);
    assert_eq!((position.cursor, position.next_xid), (900_000, 11));
    let mut position = read();
    position.advance(&read_point("900000:900000:"), 1_000_001, Some(1_000_001));
    let restored = ReadPoint { place: Place { started: 2, file: 1 }, ..read_point("12:12:") };
    assert_eq!((position.recognises(&restored), position), (Recognition::SetBack, PostgresPosition::default()));
}

#[test]
fn a_relay_resumes_at_the_lowest_mark_or_at_the_beginning() {
    let mut position = PostgresPosition::default();
    assert_eq!(position.mark(None), None, "nothing was read");
    position.advance(&read_point("10:12:10"), 100, Some(100));
    position.advance(&read_point("10:15:10,13"), 120, Some(120));
    let (read, settled) = (position.mark(Some(111)), position.mark(None));
    let resumed = PostgresPosition::resume(&[settled.clone(), read.clone()]);
    assert_eq!((resumed.cursor, resumed.seen, resumed.is_new()), (110, 120, true));
    assert_eq!(named(&resumed), [(10, i64::MIN), (13, i64::MIN)]);
    assert_eq!(resumed.mark(None), None, "its own mark is as good");
    assert_eq!(PostgresPosition::resume(std::slice::from_ref(&settled)).cursor, 120);
    for unknown in [vec![], vec![settled.clone(), None], vec![settled, Some("0 1".to_owned())]] {
        assert_eq!(PostgresPosition::resume(&unknown), PostgresPosition::default());
    }
}

#[test]
fn nothing_up_to_the_low_number_is_looked_for() {
    let mut position = PostgresPosition::default();
    assert_eq!(position.low(), i64::MIN);
    for (number, snapshot) in (1..).map(|number| number * 10).zip(["10:10:", "12:12:", "12:14:12", "12:16:12"]) {
        position.advance(&read_point(snapshot), number, Some(number));
    }
    assert_eq!((position.low(), named(&position)), (10, vec![(12, 10)]));
    position.advance(&read_point("18:18:"), 50, Some(50));
    assert_eq!(position.low(), 40);
}

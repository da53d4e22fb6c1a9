use std::collections::BTreeSet;

use super::{super::super::queue::Position, *};
use crate::outbox::postgres::position::PostgresPosition;

/// Reads until there is no more, and answers the pages' numbers.
async fn read(fixture: &Fixture, position: &mut PostgresPosition, lanes: &[Lane]) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    loop {
        let page = fixture.store.fetch(position, portion(lanes)).await.expect("a page");
        let size = page.rows.len() + page.numbers.len();
        assert!(i64::try_from(size).expect("small") <= 5 * LIMIT, "{size}");
        pages.push(page.rows.iter().map(|row| row.seq).collect());
        if !page.is_full {
            return pages;
        }
    }
}

#[tokio::test]
async fn a_large_transaction_that_commits_late_comes_in_pages_and_before_what_followed_it() {
    let test = "a_large_transaction_that_commits_late_comes_in_pages_and_before_what_followed_it";
    let Some(fixture) = Fixture::start(test).await else { return };
    let lanes = fixture.beat(Uuid::now_v7()).await.lanes;
    let mut position = PostgresPosition::default();
    let mut late = fixture.pool.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(insert(2_500))).execute(&mut *late).await.unwrap();
    fixture.write(10).await;
    assert_eq!(read(&fixture, &mut position, &lanes).await.concat(), (2_501..=2_510).collect::<Vec<i64>>());
    assert!(PostgresPosition::resume(&[position.mark(None)]).low() <= 0, "the mark knows of it");
    late.commit().await.unwrap();
    fixture.write(10).await;
    let pages = read(&fixture, &mut position, &lanes).await;
    assert!(25 <= pages.len(), "{}", pages.len());
    let seen = pages.concat();
    let place = |seq: i64| seen.iter().position(|seen| *seen == seq).expect("it was read");
    assert!((1..=2_500).all(|seq| place(seq) < place(2_511)), "{seen:?}");
    assert_eq!(seen.iter().copied().collect::<BTreeSet<i64>>().len(), 2_520);
    assert!(!fixture.store.fetch(&mut position, portion(&lanes)).await.unwrap().is_full);
}

/// A read from the head used to walk over all of them in one statement.
#[tokio::test]
async fn dead_rows_are_walked_over_in_ranges_and_not_at_all_by_a_relay_that_goes_on_by_a_mark() {
    let test = "dead_rows_are_walked_over_in_ranges_and_not_at_all_by_a_relay_that_goes_on_by_a_mark";
    let Some(fixture) = Fixture::start(test).await else { return };
    let lanes = fixture.beat(Uuid::now_v7()).await.lanes;
    let mut horizon = fixture.pool.begin().await.unwrap();
    sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1").execute(&mut *horizon).await.unwrap();
    let mut position = PostgresPosition::default();
    fixture.write(300_000).await;
    fixture.run("DELETE FROM event_outbox").await;
    fixture.write(5).await;
    let first = read(&fixture, &mut position, &lanes).await;
    assert_eq!(first, [(300_001..=300_005).collect::<Vec<i64>>()]);
    // Transactions that ran at the first read, also those of other databases of the server, may have drawn any number.
    let begun = std::time::Instant::now();
    while position.low() < 0 {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "{position:?}");
        read(&fixture, &mut position, &lanes).await;
    }
    let begun = std::time::Instant::now();
    let mut resumed = PostgresPosition::resume(&[position.mark(Some(300_003))]);
    let pages = read(&fixture, &mut resumed, &lanes).await;
    println!("by a mark: {:?}", begun.elapsed());
    assert_eq!(pages.concat(), [300_003, 300_004, 300_005]);
    let begun = std::time::Instant::now();
    let mut position = PostgresPosition::resume(&[position.mark(Some(i64::MIN))]);
    let pages = read(&fixture, &mut position, &lanes).await;
    println!("in {} ranges: {:?}", pages.len(), begun.elapsed());
    // A slow machine has narrower ranges, and more of them.
    assert!((2..=300).contains(&pages.len()), "{pages:?}");
    assert_eq!(pages.concat().len(), 5);
    assert_eq!(fixture.store.first_between(0, 300_003).await.unwrap(), Some(300_001));
    assert_eq!(fixture.store.first_between(300_001, 300_001).await.unwrap(), None);
}

#[tokio::test]
async fn a_mark_of_another_table_is_left_and_its_beginning_read() {
    let Some(fixture) = Fixture::start("a_mark_of_another_table_is_left_and_its_beginning_read").await else { return };
    let lanes = fixture.beat(Uuid::now_v7()).await.lanes;
    let mut position = PostgresPosition::default();
    fixture.write(50).await;
    read(&fixture, &mut position, &lanes).await;
    let mark = position.mark(None);
    fixture.run("TRUNCATE event_outbox RESTART IDENTITY").await;
    fixture.write(7).await;
    let mut resumed = PostgresPosition::resume(&[mark]);
    for position in [&mut position, &mut resumed] {
        assert_eq!(read(&fixture, position, &lanes).await.concat(), (1..=7).collect::<Vec<i64>>());
    }
}

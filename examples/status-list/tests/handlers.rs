//! The handlers without a broker: effect once, redelivery after a crash, and an event that is given up.

use marty_events::{consumer::Rehearsed, testing::EventRecorder};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};
use status_list::{StatusList, events::CertificateRevoked};

async fn database() -> SqlitePool {
    // One connection: a database in memory is the connection's own.
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.expect("a database");
    StatusList::create_table(&pool).await.expect("the table");
    pool
}

fn revoked(serial: i64) -> CertificateRevoked {
    CertificateRevoked { serial, reason: "superseded".to_owned() }
}

#[tokio::test]
async fn an_event_is_listed_once_however_often_it_comes() {
    let (pool, recorder) = (database().await, EventRecorder::new());
    let delivery = recorder.deliver(revoked(7)).in_pool(&pool);
    assert_eq!(delivery.to(&StatusList).await.expect("handled"), Rehearsed::Handled);
    assert_eq!(delivery.to(&StatusList).await.expect("dropped"), Rehearsed::Duplicate);
    assert_eq!(StatusList::entries(&pool).await.expect("entries").len(), 1);
    recorder.assert_published("entry_added").key("7").times(1);
}

#[tokio::test]
async fn a_crash_before_the_commit_leaves_nothing_behind() {
    let (pool, recorder) = (database().await, EventRecorder::new());
    let delivery = recorder.deliver(revoked(7)).in_pool(&pool);
    delivery.clone().without_commit().to(&StatusList).await.expect("called");
    assert_eq!(StatusList::entries(&pool).await.expect("entries").len(), 0);
    recorder.assert_not_published("entry_added");
    delivery.to(&StatusList).await.expect("handled");
    assert_eq!(StatusList::entries(&pool).await.expect("entries").len(), 1);
}

#[tokio::test]
async fn a_certificate_without_a_number_is_given_up() {
    let (pool, recorder) = (database().await, EventRecorder::new());
    let error = recorder.deliver(revoked(0)).in_pool(&pool).to(&StatusList).await.expect_err("refused");
    assert!(error.is_final(), "{error}");
}

#[test]
fn the_readme_shows_the_output() {
    examples_common::assert_prints(env!("CARGO_BIN_EXE_status-list"), include_str!("../README.md"));
}

/// The file of what both services publish. A change that a consumer could not read fails here.
#[test]
fn events_stay_compatible() {
    marty_events::catalogue::assert_compatible("events.json");
}

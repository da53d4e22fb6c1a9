//! Tests of leases, lanes and marks, in each database that is at hand.

#![cfg(any(feature = "mysql", feature = "sqlite"))]

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    OutboxTable, RowId,
    inspect::Inspect,
    lanes::Lane,
    queue::{Heartbeat, Queue, Settled, Tally},
    relays::RelayName,
};

fn beat(relay: Uuid) -> Heartbeat {
    let name = Arc::new(RelayName::of_this_process("users"));
    Heartbeat { relay, name, lease: Duration::from_mins(1), delivers: true, mark: None, tally: Tally::default() }
}

fn settled(recorded: u64, settled: u64) -> Tally {
    Tally { recorded, settled }
}

fn numbers(lanes: &[Lane]) -> Vec<i32> {
    lanes.iter().map(|lane| lane.number).collect()
}

fn some(marks: &[&str]) -> Vec<Option<String>> {
    marks.iter().map(|mark| (!mark.is_empty()).then(|| (*mark).to_owned())).collect()
}

async fn keep_their_promises<S: Queue + Inspect>(store: &S) {
    store.validate().await.expect("the tables");
    let [first, second] = [Uuid::now_v7(), Uuid::now_v7()];
    let held = store.heartbeat(&beat(first), None).await.expect("a heartbeat");
    assert_eq!((numbers(&held.lanes), held.marks, held.surplus), ((1..=16).collect(), vec![None], 0));
    assert!(held.lanes.iter().all(|lane| lane.term == 1) && held.next_expiry.is_none());
    let relays = store.relays().await.expect("the relays");
    let [relay] = &relays[..] else { panic!("{relays:?}") };
    assert_eq!((relay.service.as_deref(), relay.process_id), (Some("users"), Some(std::process::id())));
    assert!(relay.host.is_some() && relay.version.as_deref() == Some(env!("CARGO_PKG_VERSION")), "{relay:?}");
    let marked = Heartbeat { mark: Some("m1 '1".to_owned()), tally: settled(0, 5), ..beat(first) };
    assert_eq!(store.heartbeat(&marked, None).await.expect("a heartbeat").marks, some(&["m1 '1"]));

    // The answer to that one was lost, so the relay reports the same events again, and one more.
    let again = Heartbeat { tally: settled(0, 6), ..beat(first) };
    assert_eq!(store.heartbeat(&again, None).await.expect("a heartbeat").published, 6);
    let after = Heartbeat { tally: settled(6, 4), ..beat(first) };
    assert_eq!(store.heartbeat(&after, None).await.expect("a heartbeat").published, 10);

    // There are none to take, and there will be soon.
    let none = store.heartbeat(&beat(second), None).await.expect("a heartbeat");
    assert!(none.lanes.is_empty() && none.next_expiry.is_some_and(|time| Duration::from_secs(50) < time), "{none:?}");
    let held = store.heartbeat(&beat(first), None).await.expect("a heartbeat");
    assert_eq!((held.lanes.len(), held.surplus, held.marks), (16, 8, some(&["m1 '1"])));
    store.release(first, &held.lanes[8..12], Some("given")).await.expect("a release");
    store.release(first, &held.lanes[12..], None).await.expect("a release");
    let taken = store.heartbeat(&beat(second), None).await.expect("a heartbeat");
    assert_eq!((numbers(&taken.lanes), taken.marks), ((9..=16).collect(), some(&["given", "m1 '1"])));
    assert!(taken.lanes.iter().all(|lane| lane.term == 2));
    let lost = store.settle(first, &held.lanes[7..9], &[], false).await.expect("an answer");
    assert_eq!(lost, Settled::Lost);
    let row = RowId { seq: 1, event_id: first };
    let gone = store.settle(first, &held.lanes[..8], &[row], false).await.expect("an answer");
    assert_eq!(gone, Settled::Except(vec![]));

    // One that does not deliver gives all that it has to one that does, and does not count.
    let idle = Heartbeat { delivers: false, ..beat(second) };
    assert_eq!(store.heartbeat(&idle, None).await.expect("a heartbeat").surplus, 8);
    assert_eq!(store.heartbeat(&Heartbeat { delivers: false, ..beat(first) }, None).await.expect("one").surplus, 0);
    let _ = store.heartbeat(&Heartbeat { mark: Some("m2".to_owned()), ..beat(first) }, None).await.expect("one");
    store.release(second, &taken.lanes, Some("m3")).await.expect("a release");
    let all = store.heartbeat(&beat(first), None).await.expect("a heartbeat");
    assert_eq!((all.lanes.len(), all.marks), (16, some(&["m2", "m3"])), "a mark holds for the lanes that it is of");
    let again = store.heartbeat(&beat(first), None).await.expect("a heartbeat");
    assert_eq!(again.marks, some(&["m2", "m3"]));

    store.leave(first).await.expect("it goes");
    store.leave(second).await.expect("it goes");
    assert!(store.relays().await.expect("the relays").is_empty());
    assert_eq!(store.stats().await.expect("the counts").published, 10);
    let short = Heartbeat { lease: Duration::from_millis(1), tally: settled(0, 2), ..beat(first) };
    assert_eq!(store.heartbeat(&short, None).await.expect("a heartbeat").marks, some(&["m2", "m3"]));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let held = store.heartbeat(&beat(second), None).await.expect("a heartbeat");
    assert_eq!((held.lanes.len(), held.marks), (16, some(&["m2", "m3"])), "its lease was over");
    assert_eq!(store.stats().await.expect("the counts").published, 12);
}

/// Puts the lease of a relay by so many hours, as a clock that is set does.
const MOVE: &str = "UPDATE event_outbox_relays SET expires_at = expires_at + 3600000000 * ?";

async fn follow_the_clock<S: Queue + Inspect>(store: &S, shift: impl AsyncFn(i64)) {
    let [first, second] = [Uuid::now_v7(), Uuid::now_v7()];
    let _ = store.heartbeat(&Heartbeat { tally: settled(0, 3), ..beat(first) }, None).await.expect("a heartbeat");
    shift(24).await;
    let none = store.heartbeat(&beat(second), None).await.expect("a heartbeat");
    assert!(none.lanes.is_empty());
    let none = store.heartbeat(&beat(second), None).await.expect("a heartbeat");
    assert!(none.next_expiry.is_some_and(|time| time <= Duration::from_mins(1)), "{none:?}");
    let published = store.stats().await.expect("the counts").published;
    shift(-2).await;
    assert_eq!(store.heartbeat(&beat(second), None).await.expect("a heartbeat").lanes.len(), 16);
    assert_eq!(store.relays().await.expect("the relays").len(), 1, "who was silent for an hour is forgotten");
    assert_eq!(store.stats().await.expect("the counts").published, published, "and counted");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn leases_in_sqlite() {
    let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = options.connect("sqlite::memory:").await.expect("a database");
    super::migrate(&pool).await.expect("the tables");
    keep_their_promises(&super::sqlite::SqliteStore::new(pool.clone(), OutboxTable::default())).await;
    let shift = async |hours: i64| {
        sqlx::query(MOVE).bind(hours).execute(&pool).await.map(drop).expect("a shift");
    };
    sqlx::raw_sql("DELETE FROM event_outbox_relays").execute(&pool).await.expect("an empty table");
    follow_the_clock(&super::sqlite::SqliteStore::new(pool.clone(), OutboxTable::default()), shift).await;
}

/// Runs if the test command has started a server.
#[cfg(feature = "mysql")]
#[tokio::test]
async fn leases_in_mariadb() {
    let Ok(url) = std::env::var("MARIADB_URL") else { return };
    let pool = sqlx::MySqlPool::connect(&url).await.expect("the server answers");
    let name = format!("marty_test_{}", Uuid::now_v7().simple());
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&pool).await.expect("a database");
    let options = pool.connect_options().as_ref().clone().database(&name);
    let pool = sqlx::MySqlPool::connect_with(options).await.expect("the server answers");
    super::migrate(&pool).await.expect("the tables");
    keep_their_promises(&super::mysql::MySqlStore::new(pool.clone(), OutboxTable::default())).await;
    let shift = async |hours: i64| {
        sqlx::query(MOVE).bind(hours).execute(&pool).await.map(drop).expect("a shift");
    };
    sqlx::raw_sql("DELETE FROM event_outbox_relays").execute(&pool).await.expect("an empty table");
    follow_the_clock(&super::mysql::MySqlStore::new(pool.clone(), OutboxTable::default()), shift).await;
}

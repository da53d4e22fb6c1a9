use std::time::{Duration, Instant};

use super::{super::super::queue::Position, *};
use crate::outbox::postgres::position::PostgresPosition;

/// The lease of every relay but this is over.
async fn expire_others(fixture: &Fixture, relay: Uuid) {
    let sql = "UPDATE event_outbox_relays SET expires_at = clock_timestamp() - interval '1 s' WHERE relay <> $1";
    sqlx::query(sql).bind(relay).execute(&fixture.pool).await.expect("they are over");
}

fn texts(marks: &[Option<String>]) -> Vec<Option<&str>> {
    let mut texts: Vec<_> = marks.iter().map(Option::as_deref).collect();
    texts.sort_unstable();
    texts
}

#[tokio::test]
async fn relays_have_even_shares_and_one_that_does_not_deliver_gives_its_lanes_to_one_that_does() {
    let test = "relays_have_even_shares_and_one_that_does_not_deliver_gives_its_lanes_to_one_that_does";
    let Some(fixture) = Fixture::start(test).await else { return };
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let mute = |relay| Heartbeat { delivers: false, ..alive(relay) };
    let holding = fixture.store.heartbeat(&mute(first), None).await.unwrap();
    assert_eq!((holding.lanes.len(), holding.surplus, holding.next_expiry), (0, 0, None), "it takes none");
    let holding = fixture.beat(first).await;
    assert_eq!((numbers(&holding.lanes), holding.surplus), ((1..=16).collect(), 0));
    assert_eq!((holding.marks, holding.has_news), (vec![None], false));
    let holding = fixture.beat(second).await;
    assert!(holding.lanes.is_empty() && Duration::from_secs(50) < holding.next_expiry.unwrap(), "{holding:?}");
    assert_eq!(fixture.beat(first).await.surplus, 8);
    assert_eq!(fixture.store.heartbeat(&mute(first), None).await.unwrap().surplus, 16, "the other one delivers");
    fixture.store.heartbeat(&mute(second), None).await.unwrap();
    assert_eq!(fixture.store.heartbeat(&mute(first), None).await.unwrap().surplus, 0, "nobody does");
    let lanes = fixture.beat(first).await.lanes;
    fixture.store.release(first, &lanes[8..], Some("given")).await.unwrap();
    let holding = fixture.beat(second).await;
    assert_eq!((numbers(&holding.lanes), texts(&holding.marks)), ((9..=16).collect(), vec![Some("given")]));
    assert!(holding.lanes.iter().all(|lane| lane.term == 2), "{holding:?}");
    // By the second's lanes the first has none any more.
    assert_eq!(numbers(&fixture.beat(first).await.lanes), (1..=8).collect::<Vec<i32>>());
}

#[tokio::test]
async fn a_mark_goes_with_the_lanes_that_it_is_true_of() {
    let Some(fixture) = Fixture::start("a_mark_goes_with_the_lanes_that_it_is_true_of").await else { return };
    let [first, second, third] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    let store = |_| PostgresStore::new(fixture.pool.clone(), OutboxTable::default());
    let [one, two] = [0, 1].map(store);
    let lanes = one.heartbeat(&alive(first), None).await.unwrap().lanes;
    assert_eq!(texts(&one.heartbeat(&marked(first, "a"), None).await.unwrap().marks), [Some("a")]);
    one.release(first, &lanes[8..], None).await.unwrap();
    assert_eq!(texts(&two.heartbeat(&alive(second), None).await.unwrap().marks), [Some("a")]);
    assert_eq!(texts(&two.heartbeat(&marked(second, "b"), None).await.unwrap().marks), [Some("b")]);
    // The first one is taken over: its lanes come with its mark, and the second's own keep theirs.
    one.heartbeat(&marked(first, "c"), None).await.unwrap();
    expire_others(&fixture, second).await;
    let holding = two.heartbeat(&alive(second), None).await.unwrap();
    assert_eq!((holding.lanes.len(), texts(&holding.marks)), (16, vec![Some("b"), Some("c")]));
    assert_eq!(texts(&two.heartbeat(&alive(second), None).await.unwrap().marks), [Some("b"), Some("c")]);
    assert!(one.heartbeat(&marked(first, "x"), None).await.unwrap().lanes.is_empty(), "they are the second's");
    assert_eq!(texts(&two.heartbeat(&marked(second, "d"), None).await.unwrap().marks), [Some("d")]);
    two.leave(second).await.unwrap();
    one.leave(first).await.unwrap();
    let left = fixture.store.heartbeat(&alive(third), None).await.unwrap();
    assert_eq!((left.lanes.len(), texts(&left.marks)), (16, vec![Some("d")]), "they keep it");
}

/// The relay does not know of lanes that it was given by an answer which never came, and its next mark is not theirs.
#[tokio::test]
async fn a_mark_is_not_taken_for_that_of_lanes_whose_taking_was_never_answered() {
    let test = "a_mark_is_not_taken_for_that_of_lanes_whose_taking_was_never_answered";
    let Some(fixture) = Fixture::start(test).await else { return };
    let (relay, other) = (Uuid::now_v7(), Uuid::now_v7());
    fixture.run("UPDATE event_outbox_lanes SET mark = 'old'").await;
    fixture.run(&format!("UPDATE event_outbox_lanes SET owner = '{other}' WHERE lane > 8")).await;
    fixture.run(&format!("INSERT INTO event_outbox_relays (relay, expires_at) VALUES ('{other}', 'infinity')")).await;
    assert_eq!(numbers(&fixture.beat(relay).await.lanes), (1..=8).collect::<Vec<i32>>());
    expire_others(&fixture, relay).await;
    let lost = PostgresStore { held: std::sync::Arc::default(), ..fixture.store.clone() };
    lost.remember(relay, &fixture.store.known(relay));
    assert_eq!(lost.heartbeat(&marked(relay, "new"), None).await.unwrap().lanes.len(), 16);
    let holding = fixture.store.heartbeat(&marked(relay, "newer"), None).await.unwrap();
    assert_eq!(texts(&holding.marks), [Some("newer"), Some("old")]);
    assert_eq!(fixture.number("SELECT count(*) FROM event_outbox_lanes WHERE mark = 'old' AND lane > 8").await, 8);
    assert_eq!(texts(&fixture.store.heartbeat(&marked(relay, "all"), None).await.unwrap().marks), [Some("all")]);
}

#[tokio::test]
async fn a_heartbeat_that_was_held_up_does_not_bring_a_relay_back() {
    let Some(fixture) = Fixture::start("a_heartbeat_that_was_held_up_does_not_bring_a_relay_back").await else {
        return;
    };
    let relay = Uuid::now_v7();
    // A single connection, which has the statement prepared: it is the heartbeat itself that waits.
    let options = (*fixture.pool.connect_options()).clone();
    let alone = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let store = PostgresStore::new(alone, OutboxTable::default());
    store.heartbeat(&alive(relay), None).await.unwrap();
    fixture.store.leave(relay).await.unwrap();
    let mut lock = fixture.pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE event_outbox_relays").execute(&mut *lock).await.unwrap();
    let begun = Instant::now();
    let beat = tokio::spawn(async move { store.heartbeat(&alive(relay), None).await });
    let has_waited =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND xact_start < clock_timestamp() - interval '2 seconds'";
    while fixture.number(has_waited).await == 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "the heartbeat does not wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lock.rollback().await.unwrap();
    let error = beat.await.unwrap().unwrap_err();
    assert!(Duration::from_secs(2) < begun.elapsed() && error.is_retryable(), "{error:?}");
    assert_eq!(fixture.number("SELECT count(*) FROM event_outbox_relays").await, 0);
    assert_eq!(fixture.number("SELECT count(owner) FROM event_outbox_lanes").await, 0);
}

#[tokio::test]
async fn a_heartbeat_without_a_look_does_not_touch_the_outbox() {
    let Some(fixture) = Fixture::start("a_heartbeat_without_a_look_does_not_touch_the_outbox").await else { return };
    let mut lock = fixture.pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE event_outbox").execute(&mut *lock).await.unwrap();
    let holding = tokio::time::timeout(Duration::from_mins(1), fixture.beat(Uuid::now_v7())).await.expect("in time");
    assert_eq!(holding.lanes.len(), 16);
}

#[tokio::test]
async fn a_look_tells_whether_there_is_something_to_read() {
    let Some(fixture) = Fixture::start("a_look_tells_whether_there_is_something_to_read").await else { return };
    let relay = Uuid::now_v7();
    let lanes = fixture.beat(relay).await.lanes;
    let mut position = PostgresPosition::default();
    let look = async |position: &PostgresPosition| {
        fixture.store.heartbeat(&alive(relay), Some(position)).await.expect("a heartbeat").has_news
    };
    fixture.store.fetch(&mut position, portion(&lanes)).await.unwrap();
    assert!(!look(&position).await);
    fixture.write(3).await;
    assert!(look(&position).await);
    fixture.store.fetch(&mut position, portion(&lanes)).await.unwrap();
    assert!(!look(&position).await);
    // A row that is committed late.
    let mut late = fixture.pool.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(insert(1))).execute(&mut *late).await.unwrap();
    fixture.write(1).await;
    fixture.store.fetch(&mut position, portion(&lanes)).await.unwrap();
    assert!(!look(&position).await);
    late.commit().await.unwrap();
    assert!(look(&position).await);
    assert_eq!(fixture.store.fetch(&mut position, portion(&lanes)).await.unwrap().rows[0].seq, 4);
    // A relay that goes on by a mark, and one before the last number.
    let mut resumed = PostgresPosition::resume(&[position.mark(None)]);
    assert!(!fixture.store.fetch(&mut resumed, portion(&lanes)).await.unwrap().is_full);
    assert!(!look(&resumed).await);
    let resumed = PostgresPosition::resume(&[position.mark(Some(2))]);
    assert!(look(&resumed).await);
    fixture.run("TRUNCATE event_outbox").await;
    assert!(look(&position).await, "it is another table");
}

#[tokio::test]
async fn a_lease_that_ends_too_late_by_the_clock_is_cut() {
    let Some(fixture) = Fixture::start("a_lease_that_ends_too_late_by_the_clock_is_cut").await else { return };
    let relay = Uuid::now_v7();
    fixture.run("INSERT INTO event_outbox_relays (relay, expires_at) SELECT gen_random_uuid(), 'infinity'").await;
    fixture.beat(relay).await;
    let soon = "SELECT count(*) FROM event_outbox_relays
        WHERE expires_at <= clock_timestamp() + lease * interval '1 millisecond'";
    assert_eq!(fixture.number(soon).await, 2);
}

#[tokio::test]
async fn what_a_relay_has_settled_is_counted_when_it_is_gone() {
    let Some(fixture) = Fixture::start("what_a_relay_has_settled_is_counted_when_it_is_gone").await else { return };
    let [first, second, third] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    let published = async || fixture.store.stats().await.expect("the counts").published;
    // The answer to the second heartbeat was lost: the third reports the same events again, and one more.
    let beats = [(first, 0, 5, 5), (first, 5, 5, 10), (first, 5, 6, 11), (second, 0, 70, 70), (third, 0, 800, 800)];
    for (relay, recorded, settled, published) in beats {
        let beat = Heartbeat { tally: Tally { recorded, settled }, ..alive(relay) };
        assert_eq!(fixture.store.heartbeat(&beat, None).await.unwrap().published, published);
    }
    assert_eq!(published().await, 881);
    fixture.store.leave(second).await.unwrap();
    fixture.store.leave(first).await.unwrap();
    assert_eq!((published().await, fixture.number("SELECT count(*) FROM event_outbox_relays").await), (881, 1));
    // One that went silent an hour ago.
    fixture.run("UPDATE event_outbox_relays SET expires_at = now() - interval '2 hours'").await;
    assert_eq!(fixture.store.relays().await.unwrap().len(), 0);
    fixture.beat(Uuid::now_v7()).await;
    assert_eq!((published().await, fixture.number("SELECT count(*) FROM event_outbox_relays").await), (881, 1));
}

/// No lane has two owners, and none is taken from a relay that renews its lease at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_at_the_same_time_agree_about_the_lanes() {
    let Some(fixture) = Fixture::start("heartbeats_at_the_same_time_agree_about_the_lanes").await else { return };
    let beat = |relay: Uuid, lease| {
        let store = fixture.store.clone();
        async move {
            let store = PostgresStore { held: std::sync::Arc::default(), ..store };
            let lease = Duration::from_millis(lease);
            store.heartbeat(&Heartbeat { lease, ..alive(relay) }, None).await.expect("a heartbeat").lanes
        }
    };
    for _ in 0..40 {
        fixture.run("TRUNCATE event_outbox_relays; UPDATE event_outbox_lanes SET owner = NULL").await;
        let old = Uuid::now_v7();
        beat(old, 1).await;
        let relays: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
        let beats = relays.iter().chain([&old]).map(|relay| tokio::spawn(beat(*relay, 60_000)));
        let mut held: Vec<Lane> = Vec::new();
        for beat in beats.collect::<Vec<_>>() {
            held.extend(beat.await.expect("no panic"));
        }
        let (lanes, count) = (numbers(&held), held.len());
        let distinct: std::collections::BTreeSet<i32> = lanes.into_iter().collect();
        assert_eq!(distinct.len(), count, "{held:?}");
    }
}

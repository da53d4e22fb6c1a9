use std::time::{Duration, Instant};

use super::{
    super::super::{
        RowId,
        queue::{Refused, Settled},
    },
    *,
};

async fn row_ids(fixture: &Fixture) -> Vec<RowId> {
    let sql = "SELECT seq, event_id FROM event_outbox ORDER BY seq";
    let rows: Vec<(i64, Uuid)> = sqlx::query_as(sql).fetch_all(&fixture.pool).await.expect("the rows");
    rows.into_iter().map(|(seq, event_id)| RowId { seq, event_id }).collect()
}

async fn lock(fixture: &Fixture, seq: i64) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut lock = fixture.pool.begin().await.expect("a transaction");
    let sql = "SELECT seq FROM event_outbox WHERE seq = $1 FOR UPDATE";
    sqlx::query(sql).bind(seq).fetch_one(&mut *lock).await.expect("a lock");
    lock
}

#[tokio::test]
async fn a_settlement_passes_over_a_row_that_stays_locked() {
    let Some(fixture) = Fixture::start("a_settlement_passes_over_a_row_that_stays_locked").await else { return };
    for keep in [false, true] {
        let relay = Uuid::now_v7();
        let lanes = fixture.beat(relay).await.lanes;
        fixture.write(5).await;
        let rows = row_ids(&fixture).await;
        let locked = lock(&fixture, rows[2].seq).await;
        let begun = Instant::now();
        // The first try of a settlement is broken off. The server says so before it gives back the locks of that try, which the second
        // try may meet on another connection.
        while fixture.store.settle(relay, &lanes, &rows, keep).await.unwrap() != Settled::Except(vec![rows[2].seq]) {
            assert!(begun.elapsed() < Duration::from_mins(1), "one row stays locked, and the others do not");
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
        assert_eq!(row_ids(&fixture).await, [rows[2]]);
        locked.rollback().await.unwrap();
        assert_eq!(fixture.store.settle(relay, &lanes, &rows, keep).await.unwrap(), Settled::Except(vec![]));
        assert_eq!(row_ids(&fixture).await, []);
        fixture.store.leave(relay).await.unwrap();
        assert_eq!(fixture.store.settle(relay, &lanes, &rows, keep).await.unwrap(), Settled::Lost);
    }
    assert_eq!(fixture.number("SELECT count(*) FROM event_outbox_published").await, 5);
}

/// The lock that a settlement has on its lanes, for as long as it may last.
#[tokio::test]
async fn a_heartbeat_waits_for_no_settlement_and_takes_no_lane_from_it() {
    let Some(fixture) = Fixture::start("a_heartbeat_waits_for_no_settlement_and_takes_no_lane_from_it").await else {
        return;
    };
    let (relay, other) = (Uuid::now_v7(), Uuid::now_v7());
    let lanes = fixture.beat(relay).await.lanes;
    fixture.store.release(relay, &lanes[10..], None).await.unwrap();
    let mut settlement = fixture.pool.begin().await.unwrap();
    let sql = "SELECT lane FROM event_outbox_lanes WHERE lane <= 10 FOR KEY SHARE";
    sqlx::query(sql).fetch_all(&mut *settlement).await.unwrap();
    // It takes lanes, and so writes the mark of its own ones down.
    let lanes = fixture.store.heartbeat(&marked(relay, "m"), None).await.unwrap().lanes;
    assert_eq!(lanes.len(), 16);
    assert_eq!(fixture.number("SELECT count(*) FROM event_outbox_lanes WHERE mark = 'm'").await, 10);
    fixture.run("UPDATE event_outbox_relays SET expires_at = now() - interval '1 s'").await;
    assert_eq!(numbers(&fixture.beat(other).await.lanes), (11..=16).collect::<Vec<i32>>());
    settlement.rollback().await.unwrap();
    assert_eq!(fixture.beat(other).await.lanes.len(), 16);
}

#[tokio::test]
async fn refusals_and_burials_are_written_in_one_statement_that_waits_for_no_row() {
    let test = "refusals_and_burials_are_written_in_one_statement_that_waits_for_no_row";
    let Some(fixture) = Fixture::start(test).await else { return };
    let relay = Uuid::now_v7();
    let lanes = fixture.beat(relay).await.lanes;
    fixture.write(6).await;
    let rows = row_ids(&fixture).await;
    let refused = |place: usize, is_buried| Refused {
        row: rows[place],
        attempts: i32::try_from(place).expect("small") + 2,
        reason: format!("reason {place}"),
        is_buried,
    };
    let another = Refused { row: RowId { event_id: Uuid::now_v7(), ..rows[5] }, ..refused(5, true) };
    let all = [refused(0, false), refused(1, true), refused(2, false), refused(3, true), refused(4, true), another];
    let locks = [lock(&fixture, rows[2].seq).await, lock(&fixture, rows[3].seq).await];
    let begun = Instant::now();
    let Settled::Except(mut left) = fixture.store.judge(relay, &lanes, &all).await.unwrap() else { panic!("lost") };
    left.sort_unstable();
    assert_eq!(left, [rows[2].seq, rows[3].seq]);
    assert!(begun.elapsed() < Duration::from_mins(1));
    drop(locks);
    let attempts: Vec<i32> =
        sqlx::query_scalar("SELECT attempts FROM event_outbox ORDER BY seq").fetch_all(&fixture.pool).await.unwrap();
    assert_eq!(attempts, [2, 0, 0, 0], "the first, the locked ones, and the one of another event's number");
    let dead = fixture.store.dead_letters(&9.into()).await.unwrap();
    let dead: Vec<_> = dead.iter().map(|dead| (dead.event.seq, dead.event.attempts, dead.reason.as_str())).collect();
    assert_eq!(dead, [(rows[1].seq, 3, "reason 1"), (rows[4].seq, 6, "reason 4")]);
    fixture.run("UPDATE event_outbox_lanes SET term = term + 1").await;
    assert_eq!(fixture.store.judge(relay, &lanes, &all).await.unwrap(), Settled::Lost);
}

/// The table of lanes grew by a version of a row with every settlement, while anything held the horizon back.
#[tokio::test]
async fn settlements_and_heartbeats_leave_the_lanes_as_they_are() {
    let Some(fixture) = Fixture::start("settlements_and_heartbeats_leave_the_lanes_as_they_are").await else { return };
    let relay = Uuid::now_v7();
    let lanes = fixture.beat(relay).await.lanes;
    let versions = "SELECT sum(hashtext(ctid::text || xmin::text))::bigint FROM event_outbox_lanes";
    let before = fixture.number(versions).await;
    for number in 0..50 {
        fixture.write(1).await;
        let rows = row_ids(&fixture).await;
        assert_eq!(fixture.store.settle(relay, &lanes[..1], &rows, false).await.unwrap(), Settled::Except(vec![]));
        let beat = Heartbeat { tally: Tally { recorded: number, settled: 1 }, ..marked(relay, &number.to_string()) };
        fixture.store.heartbeat(&beat, None).await.unwrap();
    }
    assert_eq!(fixture.number(versions).await, before);
    assert_eq!(fixture.store.stats().await.unwrap().published, 50);
}

#[tokio::test]
async fn a_sequence_that_draws_in_batches_is_named() {
    let Some(fixture) = Fixture::start("a_sequence_that_draws_in_batches_is_named").await else { return };
    fixture.store.validate().await.unwrap();
    fixture.run("ALTER TABLE event_outbox ALTER COLUMN seq SET CACHE 20").await;
    let error = fixture.store.validate().await.unwrap_err().to_string();
    assert!(error.ends_with("come in batches of 20; run `ALTER SEQUENCE event_outbox_seq_seq CACHE 1`"), "{error}");
    fixture.run("ALTER SEQUENCE event_outbox_seq_seq CACHE 1").await;
    fixture.store.validate().await.unwrap();
}

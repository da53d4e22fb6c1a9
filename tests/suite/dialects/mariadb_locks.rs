//! Rows in MariaDB that somebody else has locked hold up nothing but themselves.

use std::time::Duration;

use marty_events::{EventConfig, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    kafka::{Reader, prefix},
    mariadb::MariaDatabase,
    servers, wait,
};
use sqlx::{AssertSqlSafe, Row};

use crate::support::{
    events::numbered,
    service::{RunningRelay, config},
};

/// The time within which every event is delivered that nobody has locked.
const SOON: Duration = Duration::from_secs(10);

/// An outbox in MariaDB, and a reader of the events that leave it.
struct Fixture {
    database: MariaDatabase,
    config: EventConfig,
    publisher: EventPublisher,
    reader: Reader,
    outbox: OutboxRepository,
}

impl Fixture {
    /// Nothing, after reporting `test` as skipped, where a server is missing.
    async fn start(test: &str) -> Option<Self> {
        let (brokers, database) = (servers::kafka(test)?, MariaDatabase::create(test).await?);
        let prefix = prefix();
        let config = config(&brokers, &prefix);
        let publisher = EventPublisher::new(&config).expect("a publisher");
        let (reader, outbox) = (Reader::start(&brokers, &prefix), OutboxRepository::new(&database.pool));
        Some(Self { database, config, publisher, reader, outbox })
    }

    fn relay(&self) -> RunningRelay {
        let relay = OutboxRelay::builder(&self.database.pool).config(self.config.clone());
        RunningRelay::start(relay.lease_time(wait::patient(Duration::from_secs(1))))
    }
}

/// A statement that scans a small table waits for every row that somebody has locked, whichever rows it names. These are the relay's.
#[tokio::test]
async fn statements_that_name_rows_find_them_by_the_primary_key() {
    let test = "statements_that_name_rows_find_them_by_the_primary_key";
    let Some(database) = MariaDatabase::create(test).await else { return };
    let publisher = EventPublisher::new(&config("127.0.0.1:1", &prefix())).expect("a publisher");
    let mut rows = 0;
    for size in [3, 4, 10, 30, 100, 300, 600] {
        let mut transaction = database.pool.begin().await.unwrap();
        let events = (rows..size).map(|number| numbered("k", number));
        publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
        rows = size;
        sqlx::raw_sql("ANALYZE TABLE event_outbox").fetch_all(&database.pool).await.unwrap();
        for named in [1, 2, size / 2, size].map(|named| named.clamp(1, 500)) {
            let list = (1..=named).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
            for statement in [
                "DELETE o FROM JSON_TABLE('[{list}]', '$[*]' COLUMNS (seq BIGINT PATH '$')) AS named
                    STRAIGHT_JOIN event_outbox AS o FORCE INDEX (PRIMARY) ON o.seq = named.seq",
                "UPDATE event_outbox FORCE INDEX (PRIMARY) SET attempts = 1 WHERE seq IN ({list})",
                "SELECT seq FROM event_outbox FORCE INDEX (PRIMARY) WHERE seq IN ({list}) AND event_id > ''
                    FOR UPDATE SKIP LOCKED",
            ] {
                let explain = format!("EXPLAIN {}", statement.replace("{list}", &list));
                let plan = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&database.pool).await.unwrap();
                let plan = plan.iter().find(|row| row.get::<&str, _>("table") != "named").expect("the outbox");
                let (access, key): (Option<&str>, Option<&str>) = (plan.get("type"), plan.get("key"));
                assert!(
                    ["range", "const", "eq_ref"].map(Some).contains(&access) && key == Some("PRIMARY"),
                    "{access:?} by {key:?} for {named} of {size} rows: {statement}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_transaction_that_wrote_an_event_holds_up_no_other() {
    let test = "an_open_transaction_that_wrote_an_event_holds_up_no_other";
    let Some(fixture) = Fixture::start(test).await else { return };
    let Fixture { database, publisher, reader, outbox, .. } = &fixture;
    let pool = &database.pool;
    let relays = [fixture.relay(), fixture.relay()];
    wait::until("two with lanes", || async {
        let relays = outbox.relays().await.ok()?;
        (relays.len() == 2 && relays.iter().all(|relay| relay.lanes.len() == 8)).then_some(())
    })
    .await;

    let mut open = pool.begin().await.unwrap();
    publisher.publish_in(&mut open, numbered("open", 0)).await.unwrap();
    for round in 0..30 {
        let mut transaction = pool.begin().await.unwrap();
        let events = (0..100).map(|key| numbered(&format!("k-{key}"), round));
        publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
    }
    wait::within(SOON, "everything else to be settled", || async {
        (outbox.stats().await.ok()?.pending == 0).then_some(())
    })
    .await;
    reader.events(3_000).await;
    open.commit().await.unwrap();
    reader.events(3_001).await;
    wait::within(SOON, "an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    for relay in relays {
        relay.stop().await;
    }
    assert_eq!(outbox.stats().await.unwrap().published, 3_001, "each once");
}

/// As one does that looks at it before it repairs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_has_locked_is_settled_later_and_the_others_at_once() {
    let test = "a_row_that_somebody_has_locked_is_settled_later_and_the_others_at_once";
    let Some(fixture) = Fixture::start(test).await else { return };
    let Fixture { database, publisher, reader, outbox, .. } = &fixture;
    let pool = &database.pool;
    let mut transaction = pool.begin().await.unwrap();
    publisher.publish_all_in(&mut transaction, (0..20).map(|key| numbered(&format!("k-{key}"), 0))).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(outbox.stats().await.expect("the counts").pending, 20);
    let mut lock = pool.begin().await.unwrap();
    sqlx::raw_sql("SELECT seq FROM event_outbox FORCE INDEX (PRIMARY) WHERE seq = 7 FOR UPDATE")
        .fetch_all(&mut *lock)
        .await
        .unwrap();
    let relay = fixture.relay();
    reader.events(20).await;
    wait::within(SOON, "the others to be settled", || async {
        (outbox.stats().await.ok()?.pending == 1).then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    relay.stop().await;
}

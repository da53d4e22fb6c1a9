//! MariaDB's own part of the promises that every database keeps.

use std::{process::Command, time::Duration};

use marty_events::{
    DomainEvent, EventError, EventOrdering, EventPublisher, OutboxRelay, OutboxRepository, domain_event,
    testing::{EventRecorder, Route},
};
use marty_events_tests::{
    faulty_network::FaultyNetwork,
    kafka::{Reader, prefix},
    mariadb::MariaDatabase,
    private_servers::Server,
    process::{Watched, command_line},
    servers, wait,
};
use sqlx::{AssertSqlSafe, Connection, MySql, MySqlConnection, MySqlPool, Row, Transaction};
use tokio_util::sync::CancellationToken;

use crate::support::{events::numbered, service::config};

/// A publisher whose broker nobody asks.
fn publisher() -> EventPublisher {
    EventPublisher::new(&config("127.0.0.1:1", &prefix())).expect("a publisher")
}

fn in_commit_order(key: &str) -> DomainEvent {
    numbered(key, 0).ordering(EventOrdering::Commit)
}

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn create(id: u32, tx: &mut Transaction<'_, MySql>) -> Result<(), EventError> {
    sqlx::query("SELECT 1")
        .execute(&mut **tx)
        .await
        .map(drop)
        .map_err(|source| EventError::Outbox { operation: "ask", source: source.into() })
}

#[tokio::test]
async fn a_method_with_a_transaction_of_mysql_goes_by_the_outbox() {
    let test = "a_method_with_a_transaction_of_mysql_goes_by_the_outbox";
    let Some(database) = MariaDatabase::create(test).await else { return };
    let recorder = EventRecorder::new();
    let mut transaction = database.pool.begin().await.unwrap();
    recorder.scope(create(7, &mut transaction)).await.unwrap();
    recorder.assert_published("created").route(Route::Outbox);
}

#[tokio::test]
async fn a_connection_is_asked_whether_it_is_in_a_transaction() {
    let Some(database) = MariaDatabase::create("a_connection_is_asked_whether_it_is_in_a_transaction").await else {
        return;
    };
    let (publisher, outbox) = (publisher(), OutboxRepository::new(&database.pool));
    let mut connection = MySqlConnection::connect(&database.url).await.unwrap();
    let run = async |connection: &mut MySqlConnection, sql: &'static str| {
        sqlx::raw_sql(sql).execute(connection).await.unwrap();
    };
    let refused = publisher.publish_in(&mut connection, numbered("k", 0)).await.unwrap_err();
    assert!(matches!(refused, EventError::NotInTransaction), "{refused:?}");

    run(&mut connection, "START TRANSACTION").await;
    publisher.publish_in(&mut connection, numbered("k", 1)).await.unwrap();
    run(&mut connection, "ROLLBACK").await;
    assert_eq!(outbox.stats().await.unwrap().pending, 0);
    let refused = publisher.publish_in(&mut connection, numbered("k", 2)).await.unwrap_err();
    assert!(matches!(refused, EventError::NotInTransaction), "{refused:?}");

    // Every statement begins a transaction then.
    run(&mut connection, "SET autocommit = 0").await;
    publisher.publish_in(&mut connection, numbered("k", 3)).await.unwrap();
    assert_eq!(outbox.stats().await.unwrap().pending, 0);
    run(&mut connection, "COMMIT").await;
    assert_eq!(outbox.stats().await.unwrap().pending, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_over_the_order_of_commits_can_be_tried_again() {
    let Some(database) = MariaDatabase::create("conflicts_over_the_order_of_commits_can_be_tried_again").await else {
        return;
    };
    let (pool, publisher) = (&database.pool, publisher());
    let mut first = pool.begin().await.unwrap();
    publisher.publish_in(&mut first, in_commit_order("a")).await.unwrap();
    let mut hurried = MySqlConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("SET SESSION innodb_lock_wait_timeout = 0").execute(&mut hurried).await.unwrap();
    let mut hurried = hurried.begin().await.unwrap();
    let conflict = publisher.publish_in(&mut hurried, in_commit_order("a")).await.unwrap_err();
    assert!(matches!(conflict, EventError::OrderingConflict { .. }) && conflict.is_retryable(), "{conflict:?}");
    hurried.rollback().await.unwrap();

    let mut second = pool.begin().await.unwrap();
    publisher.publish_in(&mut second, in_commit_order("b")).await.unwrap();
    // Whichever of the two waits first, the other one closes the circle.
    let (one, other) = tokio::join!(
        publisher.publish_in(&mut first, in_commit_order("b")),
        publisher.publish_in(&mut second, in_commit_order("a"))
    );
    let conflicts: Vec<EventError> = [one, other].into_iter().filter_map(Result::err).collect();
    let [conflict] = &conflicts[..] else { panic!("one of the two: {conflicts:?}") };
    assert!(matches!(conflict, EventError::OrderingConflict { .. }) && conflict.is_retryable(), "{conflict:?}");
}

#[tokio::test]
async fn more_than_a_packet_holds_goes_in_several_statements() {
    let Some(database) = MariaDatabase::create("more_than_a_packet_holds_goes_in_several_statements").await else {
        return;
    };
    let publisher = publisher();
    let payload = "x".repeat(900_000);
    let events = (0..30).map(|_| DomainEvent::new("account", "k", "moved").data(&payload));
    let mut transaction = database.pool.begin().await.unwrap();
    let limit: u64 = sqlx::query_scalar("SELECT @@max_allowed_packet").fetch_one(&mut *transaction).await.unwrap();
    assert!(limit < 30 * 900_000, "{limit}: one statement would do");
    let ids = publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();
    let pending = OutboxRepository::new(&database.pool).pending(100).await.unwrap();
    assert_eq!(pending.iter().map(|event| event.event_id).collect::<Vec<_>>(), ids, "in their order");
}

#[tokio::test]
async fn times_are_those_of_utc_whatever_the_session_says() {
    let Some(database) = MariaDatabase::create("times_are_those_of_utc_whatever_the_session_says").await else {
        return;
    };
    let publisher = publisher();
    let mut transaction = database.pool.begin().await.unwrap();
    sqlx::raw_sql("SET time_zone = '+05:30'").execute(&mut *transaction).await.unwrap();
    publisher.publish_in(&mut transaction, numbered("k", 0)).await.unwrap();
    transaction.commit().await.unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let age = outbox.stats().await.unwrap().oldest_pending_age.unwrap();
    assert!(age < Duration::from_mins(5), "{age:?}");
}

#[tokio::test]
async fn a_relay_without_its_tables_or_rights_in_mariadb_says_what_to_run() {
    let test = "a_relay_without_its_tables_or_rights_in_mariadb_says_what_to_run";
    let (Some(brokers), Some(database)) = (servers::kafka(test), MariaDatabase::create(test).await) else { return };
    let user = format!("u_{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
    for statement in [
        format!("CREATE USER {user} IDENTIFIED BY 'limited'"),
        format!("GRANT SELECT, INSERT ON event_outbox TO {user}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&database.pool).await.unwrap();
    }
    let (_, place) = database.url.rsplit_once('@').unwrap();
    let limited = MySqlPool::connect_lazy(&format!("mysql://{user}:limited@{place}")).unwrap();
    let relay = OutboxRelay::builder(&limited).config(config(&brokers, &prefix())).build().unwrap();
    let error = relay.run(CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, EventError::OutboxForbidden { .. }), "{error:?}");
    sqlx::raw_sql(AssertSqlSafe(format!("DROP USER {user}"))).execute(&database.pool).await.unwrap();

    sqlx::raw_sql("DROP TABLE event_outbox_lanes").execute(&database.pool).await.unwrap();
    let error = OutboxRepository::new(&database.pool).validate().await.unwrap_err();
    assert!(matches!(error, EventError::OutboxTableMissing { .. }), "{error:?}");
}

#[tokio::test]
async fn relays_on_mariadb_share_the_lanes_and_keep_what_they_are_told_to() {
    let test = "relays_on_mariadb_share_the_lanes_and_keep_what_they_are_told_to";
    let (Some(brokers), Some(database)) = (servers::kafka(test), MariaDatabase::create(test).await) else { return };
    let config = config(&brokers, &prefix());
    let publisher = EventPublisher::new(&config).unwrap();
    let relay = || {
        let relay = OutboxRelay::builder(&database.pool)
            .config(config.clone())
            .lease_time(wait::patient(Duration::from_secs(1)));
        crate::support::service::RunningRelay::start(relay.keep_published(Duration::from_hours(1)))
    };
    let shares = async || {
        let sql = "SELECT count(*) FROM event_outbox_lanes WHERE owner IS NOT NULL GROUP BY owner ORDER BY 1";
        let rows = sqlx::query(sql).fetch_all(&database.pool).await.ok()?;
        Some(rows.iter().map(|row| row.get::<i64, _>(0)).collect::<Vec<_>>())
    };
    let first = relay();
    wait::until("one with all lanes", || async { (shares().await? == [16]).then_some(()) }).await;
    let second = relay();
    wait::until("two with half of them each", || async { (shares().await? == [8, 8]).then_some(()) }).await;
    let mut transaction = database.pool.begin().await.unwrap();
    let ids = publisher.publish_all_in(&mut transaction, (0..40).map(|key| numbered(&format!("k-{key}"), key))).await;
    transaction.commit().await.unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    first.stop().await;
    wait::until("one with all lanes", || async { (shares().await? == [16]).then_some(()) }).await;
    second.stop().await;
    assert_eq!(shares().await.unwrap(), [0_i64; 0], "they were given back");
    let kept: Vec<String> = sqlx::query_scalar("SELECT event_id FROM event_outbox_published ORDER BY seq")
        .fetch_all(&database.pool)
        .await
        .unwrap();
    assert_eq!(kept, ids.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>());
}

/// There is nothing that would tell it of the events of other processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_began_with_an_empty_outbox_finds_what_others_write() {
    let test = "a_relay_that_began_with_an_empty_outbox_finds_what_others_write";
    let (Some(brokers), Some(database)) = (servers::kafka(test), MariaDatabase::create(test).await) else { return };
    let prefix = prefix();
    let publisher = EventPublisher::new(&config(&brokers, &prefix)).unwrap();
    let reader = Reader::start(&brokers, &prefix);
    let _relay = Watched::start(
        Command::new(command_line())
            .arg("relay")
            .env("DATABASE_URL", &database.url)
            .env("SERVICE_NAME", "suite")
            .env("KAFKA_BROKERS", &brokers)
            .env("EVENT_TOPIC_PREFIX", &prefix),
    );
    let outbox = OutboxRepository::new(&database.pool);
    let begun = wait::until("a relay", || async { Some(outbox.relays().await.ok()?.first()?.started_at) }).await;
    wait::until("it to have come to rest", || async {
        (jiff::SignedDuration::from_secs(4) < jiff::Timestamp::now().duration_since(begun)).then_some(())
    })
    .await;
    let mut transaction = database.pool.begin().await.unwrap();
    publisher.publish_in(&mut transaction, numbered("k", 0)).await.unwrap();
    transaction.commit().await.unwrap();
    reader.events(1).await;
}

/// After a failover, a pool may hold connections to the server that is read-only now for as long as they live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_leaves_connections_to_a_mariadb_that_is_read_only() {
    let test = "a_relay_leaves_connections_to_a_mariadb_that_is_read_only";
    let (Some(brokers), Some(second)) = (servers::kafka(test), MariaDatabase::create(test).await) else { return };
    let (_server, first) = tokio::task::spawn_blocking(Server::mariadb).await.unwrap();
    let first = MySqlPool::connect(&first).await.unwrap();
    let run = async |pool: &MySqlPool, sql: &str| {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.map(drop).unwrap();
    };
    let name = second.url.rsplit_once('/').unwrap().1;
    run(&first, &format!("CREATE DATABASE {name}")).await;
    let options = first.connect_options().as_ref().clone().database(name);
    let first = MySqlPool::connect_with(options).await.unwrap();
    marty_events::outbox::migrate(&first).await.unwrap();
    // A user with every right may also write where everything is read-only.
    let user = format!("u_{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
    for pool in [&first, &second.pool] {
        run(pool, &format!("CREATE USER {user} IDENTIFIED BY 'limited'")).await;
        run(pool, &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO {user}")).await;
    }
    // As on one that took everything over from the other, the numbers go on.
    run(&second.pool, "ALTER TABLE event_outbox AUTO_INCREMENT = 100").await;

    let prefix = prefix();
    let publisher = EventPublisher::new(&config(&brokers, &prefix)).unwrap();
    let write = async |pool: &MySqlPool| {
        let mut transaction = pool.begin().await.unwrap();
        publisher.publish_in(&mut transaction, numbered("k", 0)).await.unwrap();
        transaction.commit().await.unwrap();
    };
    let reader = Reader::start(&brokers, &prefix);
    let network = FaultyNetwork::start().await;
    let place = |pool: &MySqlPool| format!("127.0.0.1:{}", pool.connect_options().get_port());
    network.lead_to(&place(&first));
    let by_network = MySqlPool::connect(&format!("mysql://{user}:limited@{}/{name}", network.address())).await.unwrap();
    let relay = OutboxRelay::builder(&by_network)
        .config(config(&brokers, &prefix))
        .lease_time(wait::patient(Duration::from_secs(1)));
    let relay = crate::support::service::RunningRelay::start(relay);
    write(&first).await;
    reader.events(1).await;

    run(&first, "SET GLOBAL read_only = 1").await;
    network.lead_to(&place(&second.pool));
    write(&second.pool).await;
    reader.events(2).await;
    relay.stop().await;
    run(&second.pool, &format!("DROP USER {user}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_a_settlement_in_mariadb_does_not_find_hold_up_none() {
    let test = "rows_that_a_settlement_in_mariadb_does_not_find_hold_up_none";
    let (Some(brokers), Some(database)) = (servers::kafka(test), MariaDatabase::create(test).await) else { return };
    let (pool, prefix) = (&database.pool, prefix());
    let config = config(&brokers, &prefix);
    let publisher = EventPublisher::new(&config).unwrap();
    let reader = Reader::start(&brokers, &prefix);
    // Its heartbeats are rare, so it is the settlement that waits for the lock.
    let hour = Duration::from_hours(1);
    let relay = OutboxRelay::builder(pool).config(config).lease_time(hour).idle_poll(hour);
    let relay = crate::support::service::RunningRelay::start(relay);
    let outbox = OutboxRepository::new(pool);
    wait::until("a relay with lanes", || async {
        (outbox.relays().await.ok()?.first()?.lanes.len() == 16).then_some(())
    })
    .await;
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("SELECT lane FROM event_outbox_lanes FOR UPDATE").fetch_all(&mut *lock).await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    publisher.publish_all_in(&mut transaction, ["a", "b"].map(|key| numbered(key, 0))).await.unwrap();
    transaction.commit().await.unwrap();
    reader.events(2).await;
    // As its own settlement has done whose answer was lost.
    sqlx::query("DELETE FROM event_outbox ORDER BY seq LIMIT 1").execute(pool).await.unwrap();
    lock.rollback().await.unwrap();
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    assert_eq!(
        outbox.stats().await.unwrap().published,
        2,
        "both were delivered, and no settlement has counted one yet"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_in_mariadb_that_two_requeue_come_back_once() {
    let test = "dead_letters_in_mariadb_that_two_requeue_come_back_once";
    let Some(database) = MariaDatabase::create(test).await else { return };
    let (pool, publisher) = (&database.pool, publisher());
    let outbox = OutboxRepository::new(pool);
    let columns = "event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts";
    let moved = format!(
        "INSERT INTO event_outbox_dead_letters ({columns}, reason) SELECT {columns}, 'refused' FROM event_outbox;
        DELETE FROM event_outbox"
    );
    let mut transaction = pool.begin().await.unwrap();
    let ids = publisher.publish_all_in(&mut transaction, (0..20).map(|number| numbered("k", number))).await.unwrap();
    transaction.commit().await.unwrap();
    for round in 0..10 {
        sqlx::raw_sql(AssertSqlSafe(moved.clone())).execute(pool).await.unwrap();
        let (one, other) = tokio::join!(outbox.requeue(&ids), outbox.requeue(&ids));
        assert_eq!(one.unwrap() + other.unwrap(), 20, "round {round}");
        let pending = outbox.pending(100).await.unwrap();
        assert_eq!(pending.iter().map(|event| event.event_id).collect::<Vec<_>>(), ids, "once, and in their order");
    }
}

//! Rows that come by less common ways than one transaction after the other.

use std::{sync::Arc, time::Duration};

use marty_events::{EventOrdering, OutboxRepository};
use marty_events_tests::{database::TestDatabase, private_servers::Server, servers, wait};
use sqlx::{Connection, PgPool};

use crate::support::{
    events::{histories, numbered},
    service::Service,
};

/// Well below the time after which a relay reads everything anew.
const SOON: Duration = Duration::from_secs(20);

async fn until_empty(pool: &PgPool) {
    let outbox = OutboxRepository::new(pool);
    wait::within(SOON, "an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
}

/// A snapshot does not name a transaction that is younger than the newest one that is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_by_a_transaction_that_no_snapshot_named_is_found() {
    const ROUNDS: usize = 100;
    let test = "what_was_written_by_a_transaction_that_no_snapshot_named_is_found";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let relay = service.run_relay();
    for round in 0..ROUNDS {
        let mut elder = pool.begin().await.unwrap();
        sqlx::query("SELECT pg_current_xact_id()").execute(&mut *elder).await.unwrap();
        let mut younger = pool.begin().await.unwrap();
        service.publisher.publish_in(&mut younger, numbered("younger", round)).await.unwrap();
        service.publisher.publish_in(&mut elder, numbered("elder", round)).await.unwrap();
        elder.commit().await.unwrap();
        // Sometimes between the read that brings the higher number and the next one.
        tokio::time::sleep(Duration::from_micros(rand::random_range(0..8_000))).await;
        younger.commit().await.unwrap();
    }
    until_empty(pool).await;
    let histories = histories(&service.reader.events(2 * ROUNDS).await);
    for key in ["elder", "younger"] {
        assert_eq!(histories[key], (0..).take(ROUNDS).collect::<Vec<i64>>(), "{key}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn what_was_rolled_back_to_a_savepoint_is_not_delivered_and_what_is_around_it_is() {
    let test = "what_was_rolled_back_to_a_savepoint_is_not_delivered_and_what_is_around_it_is";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let publisher = &service.publisher;
    let relay = service.run_relay();
    let mut transaction = pool.begin().await.unwrap();
    publisher.publish_in(&mut transaction, numbered("k", 0)).await.unwrap();
    let mut undone = transaction.begin().await.unwrap();
    publisher.publish_in(&mut undone, numbered("k", 100).ordering(EventOrdering::Commit)).await.unwrap();
    undone.rollback().await.unwrap();
    // More of them than a server keeps of a transaction in its shared memory (64).
    for number in 1..=70 {
        let mut kept = transaction.begin().await.unwrap();
        publisher.publish_in(&mut kept, numbered("k", number)).await.unwrap();
        kept.commit().await.unwrap();
    }
    // The relay reads beyond them meanwhile.
    let mut other = pool.begin().await.unwrap();
    publisher.publish_in(&mut other, numbered("other", 0)).await.unwrap();
    other.commit().await.unwrap();
    service.reader.events(1).await;
    transaction.commit().await.unwrap();
    until_empty(pool).await;
    assert_eq!(histories(&service.reader.events(72).await)["k"], (0..=70).collect::<Vec<i64>>());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_transaction_holds_up_nobody_and_its_events_come_when_it_is_committed() {
    let test = "a_prepared_transaction_holds_up_nobody_and_its_events_come_when_it_is_committed";
    let (Some(brokers), Some(_)) = (servers::kafka(test), servers::postgres(test)) else { return };
    let (server, admin) = tokio::task::spawn_blocking(Server::postgres).await.unwrap();
    let server = Arc::new(server);
    let service = Service::on(TestDatabase::create_on(admin).await, &brokers);
    let pool = &service.database.pool;
    let restart = async || {
        let server = server.clone();
        let _ = tokio::task::spawn_blocking(move || (server.kill(), server.up()).1).await.unwrap();
        wait::until("a connection", || async { sqlx::query("SELECT 1").execute(pool).await.ok() }).await;
    };
    sqlx::query("ALTER SYSTEM SET max_prepared_transactions = 5").execute(pool).await.unwrap();
    restart().await;
    let relay = service.run_relay();
    for (number, name) in ["kept", "undone"].into_iter().enumerate() {
        let mut connection = pool.acquire().await.unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
        service.publisher.publish_in(&mut *connection, numbered(name, number)).await.unwrap();
        let prepare = sqlx::AssertSqlSafe(format!("PREPARE TRANSACTION '{name}'"));
        sqlx::raw_sql(prepare).execute(&mut *connection).await.expect("it has announced nothing");
    }
    let write = async |number| {
        let mut transaction = pool.begin().await.unwrap();
        service.publisher.publish_in(&mut transaction, numbered("other", number)).await.unwrap();
        transaction.commit().await.unwrap();
        service.reader.events(number + 1).await;
    };
    write(0).await;
    // It outlives the server's process.
    restart().await;
    write(1).await;
    sqlx::raw_sql("ROLLBACK PREPARED 'undone'").execute(pool).await.unwrap();
    sqlx::raw_sql("COMMIT PREPARED 'kept'").execute(pool).await.unwrap();
    let histories = histories(&service.reader.events(3).await);
    assert_eq!((&histories["kept"], histories.get("undone")), (&vec![0], None));
    until_empty(pool).await;
    relay.stop().await;
}

/// Rows that a restore brings have numbers and transactions of their own.
#[tokio::test]
async fn rows_of_another_server_are_delivered_whatever_transaction_wrote_them() {
    let test = "rows_of_another_server_are_delivered_whatever_transaction_wrote_them";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let relay = service.run_relay();
    let mut transaction = pool.begin().await.unwrap();
    service.publisher.publish_all_in(&mut transaction, (0..20).map(|number| numbered("k", number))).await.unwrap();
    // From a server that is far ahead, and from one that is far behind.
    let restored = "UPDATE event_outbox SET xid = CASE seq % 2 WHEN 0 THEN '9000000000000'::xid8 ELSE '3'::xid8 END";
    sqlx::query(restored).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    until_empty(pool).await;
    assert_eq!(histories(&service.reader.events(20).await)["k"], (0..20).collect::<Vec<i64>>());
    relay.stop().await;
    let stats = OutboxRepository::new(pool).stats().await.unwrap();
    assert_eq!((stats.pending, stats.published), (0, 20), "each once");
}

/// The basis of a position: a number that may still come belongs to a transaction that a snapshot can name.
#[tokio::test]
async fn a_transaction_has_its_id_before_it_draws_a_number() {
    let test = "a_transaction_has_its_id_before_it_draws_a_number";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let watched = "
        CREATE FUNCTION watched_number() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
            IF pg_current_xact_id_if_assigned() IS NULL THEN RAISE 'a number was drawn too early'; END IF;
            RETURN nextval('watched');
        END $$;
        CREATE SEQUENCE watched;
        ALTER TABLE event_outbox ALTER COLUMN seq DROP IDENTITY;
        ALTER TABLE event_outbox ALTER COLUMN seq SET DEFAULT watched_number();";
    sqlx::raw_sql(watched).execute(pool).await.unwrap();
    // One event, announced and not; several; one in the order of the commits.
    for number in 0..20 {
        let mut transaction = pool.begin().await.unwrap();
        service.publisher.publish_in(&mut transaction, numbered("one", number)).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let mut transaction = pool.begin().await.unwrap();
    service.publisher.publish_all_in(&mut transaction, [numbered("k", 1), numbered("k", 2)]).await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let ordered = numbered("k", 3).ordering(EventOrdering::Commit);
    service.publisher.publish_in(&mut transaction, ordered).await.unwrap();
    transaction.commit().await.unwrap();
}

//! Orders that are asked for: the order of the commits, for any behaviour of the writers.

use marty_events::{DomainEvent, EventError, EventOrdering};
use marty_events_tests::wait;
use sqlx::PgPool;

use crate::support::{
    events::{histories, numbered},
    service::Service,
};

fn in_commit_order(key: &str, number: usize) -> DomainEvent {
    numbered(key, number).ordering(EventOrdering::Commit)
}

/// The number of transactions that wait for an order.
async fn waiting(pool: &PgPool) -> i64 {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("the locks")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_commit_order_wait_for_the_transactions_before_them() {
    let Some(service) = Service::start("events_in_commit_order_wait_for_the_transactions_before_them").await else {
        return;
    };
    let pool = service.database.pool.clone();
    let mut first = pool.begin().await.unwrap();
    service.publisher.publish_in(&mut first, in_commit_order("k", 0)).await.unwrap();
    let second = tokio::spawn({
        let (pool, publisher) = (pool.clone(), service.publisher.clone());
        async move {
            let mut second = pool.begin().await.unwrap();
            publisher.publish_in(&mut second, in_commit_order("k", 2)).await.unwrap();
            second.commit().await.unwrap();
        }
    });
    wait::until("the second to wait", || async { (waiting(&pool).await == 1).then_some(()) }).await;
    // Neither another key nor an event that is content with the order of the inserts waits.
    let mut other = pool.begin().await.unwrap();
    service.publisher.publish_in(&mut other, in_commit_order("other", 0)).await.unwrap();
    service.publisher.publish_in(&mut other, numbered("k", 1)).await.unwrap();
    other.commit().await.unwrap();
    assert!(!second.is_finished());
    service.publisher.publish_in(&mut first, in_commit_order("k", 1)).await.unwrap();
    first.commit().await.unwrap();
    second.await.unwrap();
    let relay = service.run_relay();
    let histories = histories(&service.reader.events(5).await);
    assert_eq!(
        histories["k"],
        [0, 1, 1, 2],
        "by their numbers: the first, the one that asks for less, the first, the second"
    );
    relay.stop().await;
}

/// The same table with and without its schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_spell_the_table_in_different_ways_wait_for_each_other() {
    let test = "writers_that_spell_the_table_in_different_ways_wait_for_each_other";
    let Some(service) = Service::start(test).await else { return };
    let pool = service.database.pool.clone();
    let spelled = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers(service.publisher.bootstrap_servers())
        .topic_prefix(&service.prefix)
        .outbox_table("public.event_outbox");
    let spelled = marty_events::EventPublisher::new(&spelled.build().unwrap()).unwrap();
    let mut first = pool.begin().await.unwrap();
    service.publisher.publish_in(&mut first, in_commit_order("k", 0)).await.unwrap();
    let second = tokio::spawn({
        let pool = pool.clone();
        async move {
            let mut second = pool.begin().await.unwrap();
            spelled.publish_in(&mut second, in_commit_order("k", 1)).await.unwrap();
            second.commit().await.unwrap();
        }
    });
    wait::until("the second to wait", || async { (waiting(&pool).await == 1).then_some(()) }).await;
    first.commit().await.unwrap();
    second.await.unwrap();
    let relay = service.run_relay();
    assert_eq!(histories(&service.reader.events(2).await)["k"], [0, 1]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_transactions_that_order_the_same_keys_the_other_way_round_get_a_conflict_that_can_be_tried_again() {
    let test = "two_transactions_that_order_the_same_keys_the_other_way_round_get_a_conflict_that_can_be_tried_again";
    let Some(service) = Service::start(test).await else { return };
    let pool = service.database.pool.clone();
    let mut first = pool.begin().await.unwrap();
    service.publisher.publish_in(&mut first, in_commit_order("a", 0)).await.unwrap();
    let second = tokio::spawn({
        let (pool, publisher) = (pool.clone(), service.publisher.clone());
        async move {
            let mut second = pool.begin().await.unwrap();
            publisher.publish_in(&mut second, in_commit_order("b", 0)).await.unwrap();
            publisher.publish_in(&mut second, in_commit_order("a", 1)).await?;
            second.commit().await.unwrap();
            Ok::<_, EventError>(())
        }
    });
    wait::until("the second to wait", || async { (waiting(&pool).await == 1).then_some(()) }).await;
    let first_result = service.publisher.publish_in(&mut first, in_commit_order("b", 1)).await;
    drop(first);
    let results = [first_result.map(drop), second.await.unwrap()];
    let conflicts: Vec<&EventError> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    let [conflict] = conflicts[..] else { panic!("one of the two: {results:?}") };
    assert!(matches!(conflict, EventError::OrderingConflict { .. }) && conflict.is_retryable(), "{conflict:?}");

    let mut held = pool.begin().await.unwrap();
    service.publisher.publish_in(&mut held, in_commit_order("a", 2)).await.unwrap();
    let mut hurried = pool.begin().await.unwrap();
    sqlx::query("SET LOCAL lock_timeout = '50ms'").execute(&mut *hurried).await.unwrap();
    let conflict = service.publisher.publish_in(&mut hurried, in_commit_order("a", 3)).await.unwrap_err();
    assert!(matches!(conflict, EventError::OrderingConflict { .. }) && conflict.is_retryable(), "{conflict:?}");
}

#[tokio::test]
async fn a_transaction_with_100_000_keys_in_commit_order_exhausts_nothing() {
    let Some(service) = Service::start("a_transaction_with_100_000_keys_in_commit_order_exhausts_nothing").await else {
        return;
    };
    let pool = &service.database.pool;
    let mut transaction = pool.begin().await.unwrap();
    for part in 0..10 {
        let events = (0..10_000).map(|number| in_commit_order(&format!("k-{part}-{number}"), number));
        service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
    }
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    let locks: i64 = sqlx::query_scalar(sql).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!(locks, 256, "every lock there is, once");
    transaction.commit().await.unwrap();
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM event_outbox").fetch_one(pool).await.unwrap();
    assert_eq!(written, 100_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_with_the_same_keys_in_whatever_order_wait_for_each_other_and_conflict_never() {
    let test = "statements_with_the_same_keys_in_whatever_order_wait_for_each_other_and_conflict_never";
    let Some(service) = Service::start(test).await else { return };
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (pool, publisher) = (service.database.pool.clone(), service.publisher.clone());
            tokio::spawn(async move {
                for round in 0..25 {
                    let mut keys: Vec<usize> = (0..40).collect();
                    // Each of them in another order.
                    keys.sort_unstable_by_key(|key| (key * (2 * writer + 1) * 7919 + round) % 41);
                    let mut transaction = pool.begin().await.unwrap();
                    let events = keys.into_iter().map(|key| in_commit_order(&format!("k-{key}"), round));
                    publisher.publish_all_in(&mut transaction, events).await?;
                    transaction.commit().await.unwrap();
                }
                Ok::<_, EventError>(())
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
}

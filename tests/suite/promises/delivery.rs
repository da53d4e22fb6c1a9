//! The relay's deliveries, and their order.

use std::time::{Duration, Instant};

use marty_events::{EventContext, OutboxRepository};
use marty_events_tests::{topics, wait};

use crate::support::{
    events::{histories, numbered},
    service::{RunningRelay, Service},
};

#[tokio::test]
async fn a_committed_event_arrives_as_the_contract_has_it() {
    let Some(service) = Service::start("a_committed_event_arrives_as_the_contract_has_it").await else { return };
    let relay = service.run_relay();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let id = EventContext::new()
        .correlation_id("c-1")
        .trace(trace, Some("vendor=1".to_owned()))
        .scope(async {
            let mut transaction = service.database.pool.begin().await.unwrap();
            let id = service.publisher.publish_in(&mut transaction, numbered("a-1", 7)).await.unwrap();
            transaction.commit().await.unwrap();
            id
        })
        .await;
    let record = service.reader.events(1).await.remove(0);
    assert_eq!(record.topic, format!("{}.suite.account.moved", service.prefix));
    assert_eq!(record.key.as_deref(), Some("a-1"));
    let id = id.to_string();
    let time = record.value["metadata"]["timestamp"].as_str().unwrap().to_owned();
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", &id),
        ("ce_source", "suite"),
        ("ce_type", "moved"),
        ("ce_time", &time),
        ("ce_subject", "a-1"),
        ("content-type", "application/json"),
        ("traceparent", trace),
        ("tracestate", "vendor=1"),
    ];
    assert_eq!(record.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(record.value["metadata"]["event_id"], id);
    assert_eq!(record.value["metadata"]["correlation_id"], "c-1");
    assert_eq!(record.value["metadata"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(record.value["payload"]["aggregate_id"], "a-1");
    relay.stop().await;
    assert_eq!(OutboxRepository::new(&service.database.pool).stats().await.unwrap().published, 1);
}

#[tokio::test]
async fn every_key_keeps_its_order_across_relays_that_are_aborted() {
    let Some(service) = Service::start("every_key_keeps_its_order_across_relays_that_are_aborted").await else {
        return;
    };
    let outbox = OutboxRepository::new(&service.database.pool);
    let pending = async || outbox.stats().await.unwrap().pending;
    let (keys, mut events, mut cut_off, begin) = (20, 0, 0, Instant::now());
    // Each relay is cut off somewhere in the middle of its work, or has been too fast for that.
    while cut_off < 4 {
        wait::assert_within(begin, wait::DEADLINE, format_args!("{cut_off} relays in the middle of their work"));
        let mut transaction = service.database.pool.begin().await.unwrap();
        let all = (events..events + 2_000).map(|place| numbered(&format!("k-{}", place % keys), place / keys));
        service.publisher.publish_all_in(&mut transaction, all).await.unwrap();
        transaction.commit().await.unwrap();
        events += 2_000;
        let before = pending().await;
        let relay = RunningRelay::start(service.relay().batch_size(100).in_flight(300));
        wait::until("progress", || async { (pending().await < before).then_some(()) }).await;
        relay.abort().await;
        cut_off += usize::from(0 < pending().await);
    }
    let relay = service.run_relay();
    wait::until("an empty outbox", || async { (pending().await == 0).then_some(()) }).await;
    relay.stop().await;

    let records = service.reader.events(events).await;
    let histories = histories(&records);
    assert_eq!(histories.len(), keys);
    for (key, history) in histories {
        let expected: Vec<i64> = (0..).take(events / keys).collect();
        assert_eq!(history, expected, "{key}");
    }
}

#[tokio::test]
async fn an_open_transaction_holds_up_nobody_and_its_events_come_when_it_commits() {
    let Some(service) = Service::start("an_open_transaction_holds_up_nobody_and_its_events_come_when_it_commits").await
    else {
        return;
    };
    let relay = service.run_relay();
    let mut slow = service.database.pool.begin().await.unwrap();
    service.publisher.publish_in(&mut slow, numbered("slow", 0)).await.unwrap();
    let mut quick = service.database.pool.begin().await.unwrap();
    service.publisher.publish_in(&mut quick, numbered("quick", 0)).await.unwrap();
    quick.commit().await.unwrap();
    assert_eq!(service.reader.events(1).await[0].key.as_deref(), Some("quick"));
    slow.commit().await.unwrap();
    assert_eq!(service.reader.events(2).await[1].key.as_deref(), Some("slow"), "the lower number committed later");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_stops_under_load_has_settled_what_it_sent() {
    const EVENTS: usize = 10_000;
    const ROUNDS: usize = 3;
    let Some(service) = Service::start("a_relay_that_stops_under_load_has_settled_what_it_sent").await else {
        return;
    };
    let outbox = OutboxRepository::new(&service.database.pool);
    let write = async |round: usize| {
        let mut transaction = service.database.pool.begin().await.unwrap();
        let numbers = round * EVENTS..(round + 1) * EVENTS;
        let events = numbers.map(|number| numbered(&format!("k-{}", number % 100), number / 100));
        service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
    };
    write(0).await;
    let slow = || {
        let relay = service.relay().batch_size(50).in_flight(100);
        RunningRelay::start(relay.drain_time(wait::patient(wait::DEADLINE)))
    };
    let mut relay = slow();
    for round in 1..=ROUNDS {
        write(round).await;
        let before = outbox.stats().await.unwrap().published;
        wait::until("progress", || async { (before < outbox.stats().await.ok()?.published).then_some(()) }).await;
        relay.stop().await;
        let stats = outbox.stats().await.unwrap();
        let sent = topics::records(service.publisher.bootstrap_servers(), &service.prefix).await;
        assert!(0 < stats.pending, "under load");
        assert_eq!(u64::try_from(sent).unwrap(), stats.published, "nothing is left to be sent twice");
        relay = slow();
    }
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    let sent = topics::records(service.publisher.bootstrap_servers(), &service.prefix).await;
    assert_eq!(usize::try_from(sent).unwrap(), EVENTS * (1 + ROUNDS));
}

#[tokio::test]
async fn a_relay_takes_over_from_one_that_went_silent() {
    /// Enough for each relay to have some of them in its lanes.
    const KEYS: usize = 40;
    let Some(service) = Service::start("a_relay_takes_over_from_one_that_went_silent").await else {
        return;
    };
    let (first, second) = (service.run_relay(), service.run_relay());
    let outbox = OutboxRepository::new(&service.database.pool);
    wait::until("two shares", || async {
        let relays = outbox.relays().await.ok()?;
        (relays.len() == 2 && relays.iter().all(|relay| relay.lanes.len() == 8)).then_some(())
    })
    .await;
    let mut written = 0;
    let mut write = async |service: &Service| {
        let mut transaction = service.database.pool.begin().await.unwrap();
        let events = (0..KEYS).map(|key| numbered(&format!("k-{key}"), written));
        service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
        transaction.commit().await.unwrap();
        written += 1;
        written * KEYS
    };
    let count = write(&service).await;
    service.reader.events(count).await;
    first.abort().await;
    let count = write(&service).await;
    service.reader.events(count).await;
    second.stop().await;
    let third = service.run_relay();
    let count = write(&service).await;
    let records = service.reader.events(count).await;
    let histories = histories(&records);
    assert!(histories.len() == KEYS && histories.values().all(|history| *history == [0, 1, 2]), "{histories:?}");
    third.stop().await;
}

#[tokio::test]
async fn a_row_of_a_newer_version_waits_with_its_key_and_holds_up_no_other() {
    let Some(service) = Service::start("a_row_of_a_newer_version_waits_with_its_key_and_holds_up_no_other").await
    else {
        return;
    };
    let mut transaction = service.database.pool.begin().await.unwrap();
    let ids = service
        .publisher
        .publish_all_in(&mut transaction, [numbered("new", 0), numbered("new", 1), numbered("old", 0)])
        .await
        .unwrap();
    sqlx::query("UPDATE event_outbox SET encoding = 2 WHERE event_id = $1")
        .bind(ids[0])
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let relay = RunningRelay::start(service.relay().batch_size(1));
    assert_eq!(service.reader.events(1).await[0].key.as_deref(), Some("old"));
    relay.stop().await;
    sqlx::query("UPDATE event_outbox SET encoding = 1").execute(&service.database.pool).await.unwrap();
    let relay = service.run_relay();
    assert_eq!(histories(&service.reader.events(3).await)["new"], [0, 1]);
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_takes_the_longest_times_that_there_are() {
    let Some(service) = Service::start("a_relay_takes_the_longest_times_that_there_are").await else { return };
    let longest = Duration::MAX;
    let relay = service.relay().lease_time(longest).retry_delay(longest).drain_time(longest).stats_interval(longest);
    let relay = relay.idle_poll(longest).keep_published(longest).keep_dead_letters(longest);
    let relay = RunningRelay::start(relay);
    let mut transaction = service.database.pool.begin().await.unwrap();
    service.publisher.publish_in(&mut transaction, numbered("a", 1)).await.unwrap();
    transaction.commit().await.unwrap();
    service.reader.events(1).await;
    relay.stop().await;
    let outbox = OutboxRepository::new(&service.database.pool);
    assert_eq!(outbox.cleanup(longest).await.unwrap(), 0);
    assert_eq!(outbox.forget_published(longest, 9).await.unwrap(), 0);
    let old = marty_events::outbox::DeadLetterQuery::default().older_than(longest);
    assert_eq!(outbox.count_dead_letters(&old).await.unwrap(), 0);
}

//! Poison events.

use std::{collections::HashMap, time::Duration};

use marty_events::{DomainEvent, OutboxRepository};
use marty_events_tests::{topics, wait};

use crate::setup::{RunningRelay, Service};

fn posted(key: &str, size: usize) -> DomainEvent {
    DomainEvent::new("ledger", key, "posted").data(&"x".repeat(size)).expect("JSON")
}

#[tokio::test]
async fn a_poison_event_goes_to_the_dead_letters_and_holds_back_only_its_own_key() {
    let test = "a_poison_event_goes_to_the_dead_letters_and_holds_back_only_its_own_key";
    let Some(service) = Service::start(test).await else { return };
    let topic = format!("{}.suite.ledger.posted", service.prefix);
    topics::create(service.publisher.bootstrap_servers(), &topic, 2_000).await;
    let mut transaction = service.database.pool.begin().await.unwrap();
    // Neighbours in the same batch, before and behind the poison; and successors of its key.
    let mut events: Vec<DomainEvent> = (0..50).map(|key| posted(&format!("a-{key}"), 1)).collect();
    events.push(posted("poison", 5_000));
    events.extend((0..20).map(|_| posted("poison", 1)));
    events.extend((0..50).map(|key| posted(&format!("b-{key}"), 1)));
    let ids = service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();

    let relay = RunningRelay::start(service.relay().max_attempts(3).retry_delay(Duration::from_millis(50)));
    let records = service.reader.events(120).await;
    let outbox = OutboxRepository::new(&service.database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;

    let dead = outbox.dead_letters(10).await.unwrap();
    assert_eq!(dead.len(), 1, "no neighbour died with it: {dead:?}");
    assert_eq!((dead[0].event.event_id, dead[0].event.attempts), (ids[50], 3));
    assert!(dead[0].reason.contains("MessageSizeTooLarge"), "{}", dead[0].reason);
    let mut per_key: HashMap<&str, usize> = HashMap::new();
    for record in &records {
        *per_key.entry(record.key.as_deref().unwrap()).or_default() += 1;
    }
    assert_eq!(per_key["poison"], 20, "its successors went on after it");
}

#[tokio::test]
async fn a_relay_that_never_gives_up_keeps_the_key_of_a_poison_event_waiting() {
    let test = "a_relay_that_never_gives_up_keeps_the_key_of_a_poison_event_waiting";
    let Some(service) = Service::start(test).await else { return };
    let (brokers, topic) =
        (service.publisher.bootstrap_servers().to_owned(), format!("{}.suite.ledger.posted", service.prefix));
    topics::create(&brokers, &topic, 2_000).await;
    let mut transaction = service.database.pool.begin().await.unwrap();
    let events = [posted("poison", 5_000), posted("poison", 1), posted("other", 1)];
    let ids = service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();
    let outbox = OutboxRepository::new(&service.database.pool);
    let attempts = async || outbox.pending(1).await.ok()?.first().map(|event| event.attempts);
    let keen = service.relay().max_attempts(2).retry_delay(Duration::from_millis(20)).give_up(false);
    let relay = RunningRelay::start(keen);
    wait::until("more refusals than a relay takes that gives up", || async { (4 <= attempts().await?).then_some(()) })
        .await;
    assert_eq!(service.reader.events(1).await[0].key.as_deref(), Some("other"), "the others go on");
    assert_eq!(outbox.dead_letters(1).await.unwrap(), []);

    topics::widen(&brokers, &topic, 100_000).await;
    let records = service.reader.events(3).await;
    let order: Vec<_> = records[1..].iter().map(|record| record.id().unwrap().to_owned()).collect();
    assert_eq!(order, [ids[0].to_string(), ids[1].to_string()], "its key goes on with the event itself");
    relay.stop().await;
}

#[tokio::test]
async fn a_restart_burns_no_attempt_and_forgets_none() {
    let Some(service) = Service::start("a_restart_burns_no_attempt_and_forgets_none").await else { return };
    let topic = format!("{}.suite.ledger.posted", service.prefix);
    topics::create(service.publisher.bootstrap_servers(), &topic, 2_000).await;
    let mut transaction = service.database.pool.begin().await.unwrap();
    service.publisher.publish_in(&mut transaction, posted("poison", 5_000)).await.unwrap();
    transaction.commit().await.unwrap();
    let outbox = OutboxRepository::new(&service.database.pool);
    for refusals in 1..=3 {
        // It is tried again after an hour, so each relay adds one refusal and no more.
        let relay = RunningRelay::start(service.relay().max_attempts(3).retry_delay(Duration::from_hours(1)));
        wait::until("a refusal", || async {
            let pending = outbox.pending(1).await.ok()?;
            let dead = outbox.dead_letters(1).await.ok()?;
            let attempts = pending.first().map(|event| event.attempts).or(dead.first().map(|dead| dead.event.attempts));
            (attempts == Some(refusals)).then_some(())
        })
        .await;
        relay.stop().await;
    }
    assert_eq!(outbox.dead_letters(1).await.unwrap()[0].event.attempts, 3);
}

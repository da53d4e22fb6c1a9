//! Poison events.

use std::{collections::HashMap, time::Duration};

use marty_events::{DomainEvent, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    kafka::{Reader, prefix},
    servers, topics, wait,
};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

use crate::support::{
    events::posted,
    service::{RunningRelay, Service, config},
};

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

    let relay = RunningRelay::start(service.relay().retry_delay(Duration::from_millis(50)));
    let records = service.reader.events(120).await;
    let outbox = OutboxRepository::new(&service.database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;

    let dead = outbox.dead_letters(10).await.unwrap();
    assert_eq!(dead.len(), 1, "no neighbour died with it: {dead:?}");
    assert_eq!((dead[0].event.event_id, dead[0].event.attempts), (ids[50], 2), "with its batch, and alone");
    for said in ["MessageSizeTooLarge", "it has 5", &format!("the topic `{topic}` takes 2000 (max.message.bytes)")] {
        assert!(dead[0].reason.contains(said), "{}", dead[0].reason);
    }
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
    for refusals in 1..=2 {
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
    assert_eq!(outbox.dead_letters(1).await.unwrap()[0].event.attempts, 2);
}

#[tokio::test]
async fn an_event_that_cannot_be_kept_as_a_dead_letter_stays_in_the_outbox() {
    let test = "an_event_that_cannot_be_kept_as_a_dead_letter_stays_in_the_outbox";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let topic = format!("{}.suite.ledger.posted", service.prefix);
    topics::create(service.publisher.bootstrap_servers(), &topic, 2_000).await;
    // Each refusal counts in the sequence, which no rollback takes back.
    let trigger = "
        CREATE SEQUENCE tries;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('tries'); RAISE 'full'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON event_outbox_dead_letters FOR EACH ROW EXECUTE FUNCTION refuse()";
    sqlx::raw_sql(trigger).execute(pool).await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let ids = service.publisher.publish_all_in(&mut transaction, [posted("poison", 5_000), posted("other", 1)]).await;
    transaction.commit().await.unwrap();
    let relay = RunningRelay::start(service.relay().max_attempts(1));
    wait::until("a few tries", || async {
        let tries: i64 = sqlx::query_scalar("SELECT last_value FROM tries").fetch_one(pool).await.ok()?;
        (3 <= tries).then_some(())
    })
    .await;
    let outbox = OutboxRepository::new(pool);
    assert_eq!(outbox.pending(9).await.unwrap()[0].event_id, ids.unwrap()[0], "nothing else keeps it");
    sqlx::query("DROP TRIGGER refuse ON event_outbox_dead_letters").execute(pool).await.unwrap();
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    assert_eq!(outbox.stats().await.unwrap().dead, 1);
    service.reader.events(1).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_requeued_again_and_again_is_somewhere_at_every_time_and_delivered_once() {
    let test = "an_event_that_is_requeued_again_and_again_is_somewhere_at_every_time_and_delivered_once";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let (brokers, topic) =
        (service.publisher.bootstrap_servers().to_owned(), format!("{}.suite.ledger.posted", service.prefix));
    topics::create(&brokers, &topic, 2_000).await;
    let mut transaction = pool.begin().await.unwrap();
    let ids: Vec<_> = service
        .publisher
        .publish_all_in(&mut transaction, (0..5).map(|key| posted(&format!("poison-{key}"), 5_000)))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let outbox = OutboxRepository::new(pool);
    // A lease that runs out while an event is under way would have it sent once more, which is another promise.
    let relay = || service.relay().lease_time(Duration::from_hours(1));
    let relays = [RunningRelay::start(relay()), RunningRelay::start(relay().max_attempts(1))];
    let everywhere = "SELECT count(*) FROM (SELECT event_id FROM event_outbox UNION ALL SELECT event_id FROM event_outbox_dead_letters) AS kept";
    let mut requeued = 0;
    let begin = std::time::Instant::now();
    while begin.elapsed() < Duration::from_secs(4) || requeued < 5 {
        wait::assert_within(begin, wait::DEADLINE, "five requeued events");
        // Two at a time, as two operators would.
        let (one, other) = tokio::join!(outbox.requeue(&ids), outbox.requeue(&ids));
        requeued += one.unwrap() + other.unwrap();
        let kept: i64 = sqlx::query_scalar(everywhere).fetch_one(pool).await.unwrap();
        assert_eq!(kept, 5);
    }
    topics::widen(&brokers, &topic, 100_000).await;
    wait::until("an end", || async {
        outbox.requeue(&ids).await.ok()?;
        let stats = outbox.stats().await.ok()?;
        (stats.pending + stats.dead == 0).then_some(())
    })
    .await;
    for relay in relays {
        relay.stop().await;
    }
    let mut delivered: Vec<_> = service.reader.events(5).await.iter().map(|it| it.id().unwrap().to_owned()).collect();
    delivered.sort_unstable();
    assert_eq!(delivered, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_relay_that_gives_up_at_once_buries_no_neighbour_of_a_poison_event() {
    let test = "a_relay_that_gives_up_at_once_buries_no_neighbour_of_a_poison_event";
    let Some(service) = Service::start(test).await else { return };
    let topic = format!("{}.suite.ledger.posted", service.prefix);
    topics::create(service.publisher.bootstrap_servers(), &topic, 2_000).await;
    let mut transaction = service.database.pool.begin().await.unwrap();
    let mut events: Vec<DomainEvent> = (0..50).map(|key| posted(&format!("k-{key}"), 1)).collect();
    events.insert(25, posted("poison", 5_000));
    let ids = service.publisher.publish_all_in(&mut transaction, events).await.unwrap();
    transaction.commit().await.unwrap();
    let relay = RunningRelay::start(service.relay().max_attempts(1).retry_delay(Duration::from_millis(20)));
    service.reader.events(50).await;
    let outbox = OutboxRepository::new(&service.database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    let dead = outbox.dead_letters(10).await.unwrap();
    assert_eq!(dead.iter().map(|dead| dead.event.event_id).collect::<Vec<_>>(), [ids[25]]);
}

/// A text in SQLite may hold a NUL, and so may a topic's name. No client can send to that topic.
#[tokio::test]
async fn an_event_for_a_topic_that_cannot_be_named_is_refused() {
    let Some(brokers) = servers::kafka("an_event_for_a_topic_that_cannot_be_named_is_refused") else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("db")).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    marty_events::outbox::migrate(&pool).await.unwrap();
    let prefix = prefix();
    let config = config(&brokers, &prefix);
    let publisher = EventPublisher::new(&config).unwrap();
    let reader = Reader::start(&brokers, &prefix);
    let mut transaction = pool.begin().await.unwrap();
    let events = [posted("odd", 1), posted("odd", 1), posted("other", 1)];
    let ids = publisher.publish_all_in(&mut transaction, events).await.unwrap();
    sqlx::query(
        "UPDATE event_outbox SET topic = topic || char(0) || 'x' WHERE seq = (SELECT min(seq) FROM event_outbox)",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    let relay = OutboxRelay::builder(&pool).config(config).max_attempts(2).retry_delay(Duration::from_millis(20));
    let relay = RunningRelay::start(relay);
    reader.events(2).await;
    relay.stop().await;
    let dead = OutboxRepository::new(&pool).dead_letters(9).await.unwrap();
    assert_eq!(dead.iter().map(|dead| dead.event.event_id).collect::<Vec<_>>(), ids[..1]);
    assert_eq!(dead[0].event.attempts, 1, "it never can be");
}

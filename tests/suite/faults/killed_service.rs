//! A service killed at every step between the begin of its method and the relaying of its event.

use std::{collections::BTreeSet, process::Command, time::Duration};

use marty_events::OutboxRepository;
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    process::Watched,
    servers, wait,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use crate::support::service::{RunningRelay, config};

const KILLS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_service_is_killed_the_events_are_those_of_the_committed_transactions() {
    let test = "whenever_the_service_is_killed_the_events_are_those_of_the_committed_transactions";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    sqlx::query("CREATE TABLE accounts (id uuid PRIMARY KEY)").execute(&database.pool).await.unwrap();
    let prefix = prefix();
    let reader = Reader::start(&brokers, &prefix);
    let seed = rand::random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);

    let mut between_insert_and_commit = 0;
    for kill in 0..KILLS {
        let service = Watched::start(
            Command::new(env!("CARGO_BIN_EXE_killed_service"))
                .env("KAFKA_BROKERS", &brokers)
                .env("DATABASE_URL", &database.url)
                .env("SERVICE_NAME", "killed")
                .env("EVENT_TOPIC_PREFIX", &prefix),
        );
        let step = ["written ", "inserted ", "committed "][kill % 3];
        let rounds = chance.random_range(1..=3);
        let mut reached = 0;
        while reached < rounds {
            let line = service.line(wait::DEADLINE).expect("the service goes on");
            reached += usize::from(line.starts_with(step));
        }
        // Somewhere between this step and the next, or in the relay's work on the ones before.
        tokio::time::sleep(Duration::from_micros(chance.random_range(0..3_000))).await;
        let last = service.kill().pop();
        between_insert_and_commit += usize::from(last.is_some_and(|line| line.starts_with("inserted ")));
    }
    println!("{between_insert_and_commit} of {KILLS} killed with an inserted event and no answer to the commit");
    assert_ne!(between_insert_and_commit, 0, "seed {seed}");

    let relay = marty_events::OutboxRelay::builder(&database.pool).config(config(&brokers, &prefix));
    let relay = RunningRelay::start(relay);
    let outbox = OutboxRepository::new(&database.pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;

    let committed: Vec<(Uuid,)> = sqlx::query_as("SELECT id FROM accounts").fetch_all(&database.pool).await.unwrap();
    let committed: BTreeSet<String> = committed.into_iter().map(|(id,)| id.to_string()).collect();
    let records = reader.events(committed.len()).await;
    let delivered: BTreeSet<String> = records.iter().filter_map(|record| record.key.clone()).collect();
    let lost: Vec<_> = committed.difference(&delivered).collect();
    let invented: Vec<_> = delivered.difference(&committed).collect();
    assert!(lost.is_empty() && invented.is_empty(), "seed {seed}: lost {lost:?}, invented {invented:?}");
    // A redelivery is allowed, under the same id: as many ids as accounts.
    let ids: BTreeSet<_> = records.iter().filter_map(|record| record.id()).collect();
    assert_eq!(ids.len(), committed.len(), "seed {seed}");
    println!("{} committed, {} records read", committed.len(), records.len());
    assert_eq!(outbox.dead_letters(1).await.unwrap(), []);
}

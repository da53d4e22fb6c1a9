//! How fast a relay drains a backlog, with what memory, and what an open transaction does to it. `scripts/relay-load` runs it.
//!
//! Arguments: how many events wait, and who is in the way: `nobody`, `writer` (a transaction with an id), `reader` (one with
//! a snapshot, which holds the horizon of every vacuum back). Answers one line of JSON.

use std::time::Instant;

use marty_events::{CancellationToken, DomainEvent, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{database::TestDatabase, kafka::prefix, servers, wait};
use sqlx::{PgPool, Postgres, Transaction};

const KEYS: usize = 10_000;
const PAYLOAD_BYTES: usize = 600;

/// A transaction that stays open.
async fn in_the_way(pool: &PgPool, who: &str) -> Option<Transaction<'static, Postgres>> {
    let statement = match who {
        "nobody" => return None,
        "writer" => "SELECT pg_current_xact_id()",
        "reader" => "SELECT count(*) FROM event_outbox_lanes",
        other => panic!("`{other}` is none of nobody, writer, reader"),
    };
    let mut transaction = pool.begin().await.expect("a transaction");
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut *transaction)
        .await
        .expect("a snapshot");
    sqlx::query(statement).execute(&mut *transaction).await.expect("an open transaction");
    Some(transaction)
}

async fn fill(pool: &PgPool, publisher: &EventPublisher, events: usize) {
    let filler = "x".repeat(PAYLOAD_BYTES);
    for first in (0..events).step_by(5_000) {
        let mut transaction = pool.begin().await.expect("a transaction");
        let part = (first..events.min(first + 5_000))
            .map(|number| DomainEvent::new("account", number % KEYS, "moved").data(&(number, &filler)).expect("JSON"));
        publisher.publish_all_in(&mut transaction, part).await.expect("they are written");
        transaction.commit().await.expect("the commit");
    }
}

/// The most memory that this process had, in MiB (Linux, `proc_pid_status(5)`).
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.split_whitespace().next());
    peak.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` appends `--bench`.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [events, who] = &given[..] else {
        println!("give the number of events and who is in the way; `scripts/relay-load` does");
        return Ok(());
    };
    let events: usize = events.parse()?;
    let brokers = servers::kafka("relay").ok_or("no Kafka")?;
    let database = TestDatabase::create("relay").await.ok_or("no PostgreSQL")?;
    let prefix = prefix();
    let config = marty_events::EventConfig::builder()
        .service_name("load")
        .brokers(brokers)
        .topic_prefix(&prefix)
        .domain_topic("{service}.{aggregate}")
        .build()?;
    let publisher = EventPublisher::unregistered(&config)?;
    let before_filling = peak_mib();
    fill(&database.pool, &publisher, events).await;
    sqlx::query("ANALYZE event_outbox").execute(&database.pool).await?;
    let filled = peak_mib();
    let open = in_the_way(&database.pool, who).await;

    let outbox = OutboxRepository::new(&database.pool);
    let stop = CancellationToken::new();
    let begin = Instant::now();
    let relay = tokio::spawn(OutboxRelay::builder(&database.pool).config(config).build()?.run(stop.clone()));
    wait::within(std::time::Duration::from_mins(20), "an empty outbox", || async {
        // The counter alone: the outbox itself is not to be walked through.
        let delivered: i64 = sqlx::query_scalar("SELECT sum(published)::bigint FROM event_outbox_lanes")
            .fetch_one(&database.pool)
            .await
            .ok()?;
        (usize::try_from(delivered).is_ok_and(|delivered| events <= delivered)).then_some(())
    })
    .await;
    let seconds = begin.elapsed().as_secs_f64();
    let dead: i64 = sqlx::query_scalar("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'event_outbox'")
        .fetch_one(&database.pool)
        .await?;
    stop.cancel();
    relay.await??;
    drop(open);
    assert_eq!(outbox.stats().await?.pending, 0);
    println!(
        "{}",
        serde_json::json!({
            "events": events,
            "in_the_way": who,
            "seconds": (seconds * 10.0).round() / 10.0,
            "events_per_second": (f64::from(u32::try_from(events)?) / seconds).round(),
            "dead_rows": dead,
            "peak_mib_before": before_filling.max(filled),
            "peak_mib": peak_mib(),
        })
    );
    database.drop_database().await;
    Ok(())
}

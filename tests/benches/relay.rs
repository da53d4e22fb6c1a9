//! How fast a relay drains a backlog, with what memory, and what an open transaction does to it. `scripts/relay-load` runs it.
//!
//! - `drain EVENTS WHO`: so many events wait; in the way is `nobody`, a `writer` (a transaction with an id) or a `reader` (one
//!   with a snapshot, which holds the horizon of every vacuum back);
//! - `steady SECONDS WHO`: 1,000 events a second are written and relayed, for so long, beside the same;
//! - `idle SECONDS`: nothing is written.
//!
//! Answers one line of JSON.

use std::time::{Duration, Instant};

use marty_events::{
    CancellationToken, DomainEvent, EventConfig, EventError, EventPublisher, OutboxRelay, OutboxRepository,
};
use marty_events_tests::{database::TestDatabase, kafka::prefix, servers, wait};
use serde_json::{Value, json};
use sqlx::{PgPool, Postgres, Transaction};
use tokio::task::JoinHandle;

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

/// What this process has used of a processor, in seconds (Linux, `proc_pid_stat(5)`; a tick is 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A database, topics, and a relay between them.
struct Load {
    database: TestDatabase,
    publisher: EventPublisher,
    config: EventConfig,
}

impl Load {
    async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let brokers = servers::kafka("relay").ok_or("no Kafka")?;
        let database = TestDatabase::create("relay").await.ok_or("no PostgreSQL")?;
        let config = EventConfig::builder()
            .service_name("load")
            .brokers(brokers)
            .topic_prefix(prefix())
            .domain_topic("{service}.{aggregate}")
            .build()?;
        Ok(Self { publisher: EventPublisher::unregistered(&config)?, database, config })
    }

    fn start_relay(&self) -> Result<RunningRelay, EventError> {
        let stop = CancellationToken::new();
        let relay = OutboxRelay::builder(&self.database.pool).config(self.config.clone()).build()?;
        Ok(RunningRelay { task: tokio::spawn(relay.run(stop.clone())), stop })
    }

    /// The counter alone: the outbox itself is not to be walked through.
    async fn delivered(&self) -> Result<i64, sqlx::Error> {
        let sql = "SELECT sum(published)::bigint FROM event_outbox_lanes";
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await
    }

    async fn until_delivered(&self, events: usize) {
        wait::within(Duration::from_mins(20), "every event", || async {
            let delivered = self.delivered().await.ok()?;
            (usize::try_from(delivered).is_ok_and(|delivered| events <= delivered)).then_some(())
        })
        .await;
    }

    async fn dead_rows(&self) -> Result<i64, sqlx::Error> {
        let sql = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'event_outbox'";
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await
    }

    async fn drain(&self, events: usize, who: &str) -> Result<Value, Box<dyn std::error::Error>> {
        let before_filling = peak_mib();
        fill(&self.database.pool, &self.publisher, events).await;
        sqlx::query("ANALYZE event_outbox").execute(&self.database.pool).await?;
        let filled = peak_mib();
        let open = in_the_way(&self.database.pool, who).await;
        let begin = Instant::now();
        let relay = self.start_relay()?;
        self.until_delivered(events).await;
        let seconds = begin.elapsed().as_secs_f64();
        let dead = self.dead_rows().await?;
        relay.stop().await?;
        drop(open);
        assert_eq!(OutboxRepository::new(&self.database.pool).stats().await?.pending, 0);
        Ok(json!({
            "events": events,
            "in_the_way": who,
            "seconds": (seconds * 10.0).round() / 10.0,
            "events_per_second": (f64::from(u32::try_from(events)?) / seconds).round(),
            "dead_rows": dead,
            "peak_mib_before": before_filling.max(filled),
            "peak_mib": peak_mib(),
        }))
    }

    async fn steady(&self, time: Duration, who: &str) -> Result<Value, Box<dyn std::error::Error>> {
        const EVENTS: usize = 20;
        let open = in_the_way(&self.database.pool, who).await;
        let relay = self.start_relay()?;
        let filler = "x".repeat(PAYLOAD_BYTES);
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        let (begin, mut written, mut waiting) = (Instant::now(), 0, 0);
        while begin.elapsed() < time {
            pace.tick().await;
            let mut transaction = self.database.pool.begin().await?;
            let part = (written..written + EVENTS).map(|number| {
                DomainEvent::new("account", number % KEYS, "moved").data(&(number, &filler)).expect("JSON")
            });
            self.publisher.publish_all_in(&mut transaction, part).await?;
            transaction.commit().await?;
            written += EVENTS;
            if written % (50 * EVENTS) == 0 {
                waiting = waiting.max(i64::try_from(written)? - self.delivered().await?);
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        let waiting_at_the_end = i64::try_from(written)? - self.delivered().await?;
        self.until_delivered(written).await;
        let dead = self.dead_rows().await?;
        relay.stop().await?;
        drop(open);
        Ok(json!({
            "seconds": seconds.round(),
            "in_the_way": who,
            "events_per_second": (f64::from(u32::try_from(written)?) / seconds).round(),
            "most_waiting": waiting,
            "waiting_at_the_end": waiting_at_the_end,
            "dead_rows": dead,
        }))
    }

    async fn idle(&self, time: Duration) -> Result<Value, Box<dyn std::error::Error>> {
        let statements = async || -> Result<i64, sqlx::Error> {
            // Every statement of a relay with nothing to do is a transaction; this one is counted before it ends.
            let sql = "SELECT pg_stat_clear_snapshot()::text, xact_commit + xact_rollback FROM pg_stat_database
                WHERE datname = current_database()";
            sqlx::query_as::<_, (String, i64)>(sql).fetch_one(&self.database.pool).await.map(|(_, count)| count)
        };
        let relay = self.start_relay()?;
        // It takes its lanes and finds out that there is nothing.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (before, cpu) = (statements().await?, cpu_seconds());
        tokio::time::sleep(time).await;
        let (cpu, after) = (cpu_seconds() - cpu, statements().await?);
        relay.stop().await?;
        let per_second = |amount: f64| (amount / time.as_secs_f64() * 10_000.0).round() / 10_000.0;
        Ok(json!({
            "idle_seconds": time.as_secs(),
            "statements_per_second": per_second(f64::from(u32::try_from(after - before - 1)?)),
            "cores": per_second(cpu),
        }))
    }
}

struct RunningRelay {
    stop: CancellationToken,
    task: JoinHandle<Result<(), EventError>>,
}

impl RunningRelay {
    async fn stop(self) -> Result<(), Box<dyn std::error::Error>> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` appends `--bench`.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    if given.is_empty() {
        println!("give `drain EVENTS WHO`, `steady SECONDS WHO` or `idle SECONDS`; `scripts/relay-load` does");
        return Ok(());
    }
    let load = Load::new().await?;
    let measured = match given[..] {
        ["drain", events, who] => load.drain(events.parse()?, who).await?,
        ["steady", seconds, who] => load.steady(Duration::from_secs(seconds.parse()?), who).await?,
        ["idle", seconds] => load.idle(Duration::from_secs(seconds.parse()?)).await?,
        _ => return Err(format!("{given:?} is none of the cases").into()),
    };
    println!("{measured}");
    load.database.drop_database().await;
    Ok(())
}

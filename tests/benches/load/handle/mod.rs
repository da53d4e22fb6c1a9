//! Handling: from the topic to the effects in the database.

mod by_hand;
mod handlers;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use marty_events::{CancellationToken, EventConsumer, EventHandlers, inbox};
use marty_events_tests::{private_servers::Server, wait};
use sqlx::{PgPool, Postgres};

use crate::{
    Failure,
    by_hand::Record,
    direct, order, rate,
    report::{Sample, percentile},
    stage::{KEYS, RunningRelay, Stage},
};
use handlers::{Batches, Effects};

/// Handlers that run at a time, of the framework and by hand.
const CONCURRENCY: usize = 8;
/// The most events of a batch, of the framework and by hand.
const LONGEST_BATCH: usize = 500;
/// Events a second where latencies are measured.
const PACE: usize = 1_000;

const CASES: [&str; 4] = ["by hand", "handlers", "by hand, batches", "handlers of batches"];

/// A lag that each case handles: an inbox row and a row of the handler's for each event.
pub(crate) async fn round(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    let mut rates = [0.0; CASES.len()];
    for place in order(CASES.len(), turn) {
        let stage = Stage::new().await?;
        prepare(&stage.database.pool).await?;
        publish(&stage, events).await?;
        let begin = Instant::now();
        rates[place] = match place {
            0 => by_hand::run(&stage, events, false).await,
            1 => handled(&stage, Effects, events).await,
            2 => by_hand::run(&stage, events, true).await,
            _ => handled(&stage, Batches, events).await,
        }
        .map(|()| rate(events, begin.elapsed()))?;
        stage.end().await;
    }
    Ok(CASES.iter().zip(rates).map(|(case, rate)| Sample::new(*case, rate)).collect())
}

/// From the commit of an event to the commit of its handler, with a relay in the same process, by the server's times of both commits.
pub(crate) async fn round_of_latencies(seconds: u64) -> Result<Vec<Sample>, Failure> {
    let (_server, url) = Server::postgres_with("track_commit_timestamp = on");
    let stage = Stage::on(&url).await?;
    prepare(&stage.database.pool).await?;
    sqlx::raw_sql("CREATE TABLE moves (number bigint PRIMARY KEY)").execute(&stage.database.pool).await?;
    let (relay, consumer) = (RunningRelay::start(stage.relay())?, Running::start(&stage, Effects)?);
    // The first one finds everything cold, and is left out.
    write(&stage, 0).await?;
    until_effects(&stage.database.pool, 1).await;
    let events = usize::try_from(seconds)? * PACE;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / u32::try_from(PACE)?);
    let ticks = stream::unfold(&mut pace, |pace| async {
        pace.tick().await;
        Some(((), pace))
    });
    ticks
        .take(events)
        .enumerate()
        .map(|(number, ())| write(&stage, number + 1))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await?;
    until_effects(&stage.database.pool, events + 1).await;
    consumer.stop().await?;
    relay.stop().await?;
    let sql = "SELECT 1000 * extract(epoch FROM
            pg_xact_commit_timestamp(effects.xmin) - pg_xact_commit_timestamp(moves.xmin))::float8
        FROM moves JOIN effects USING (number) WHERE 0 < number";
    let mut times: Vec<f64> = sqlx::query_scalar(sql).fetch_all(&stage.database.pool).await?;
    if times.len() != events {
        return Err(format!("{} of {events} effects are there", times.len()).into());
    }
    stage.end().await;
    let mut of = |percent: usize| Sample::new(format!("commit to commit, p{percent}"), percentile(&mut times, percent));
    Ok(vec![of(50), of(99)])
}

/// A consumer of this process.
struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), marty_events::EventError>>,
}

impl Running {
    fn start(stage: &Stage, handlers: impl EventHandlers<Postgres>) -> Result<Self, Failure> {
        let consumer = EventConsumer::builder(&stage.database.pool)
            .config(stage.config.clone())
            .group(format!("{}-handlers", stage.prefix))
            .concurrency(CONCURRENCY)
            .longest_batch(LONGEST_BATCH)
            .handlers(handlers)
            .build()?;
        let stop = CancellationToken::new();
        Ok(Self { task: tokio::spawn(consumer.run(stop.clone())), stop })
    }

    async fn stop(self) -> Result<(), Failure> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

async fn handled(stage: &Stage, handlers: impl EventHandlers<Postgres>, events: usize) -> Result<(), Failure> {
    let consumer = Running::start(stage, handlers)?;
    until_effects(&stage.database.pool, events).await;
    consumer.stop().await
}

async fn prepare(pool: &PgPool) -> Result<(), Failure> {
    inbox::migrate(pool).await?;
    let tables = "CREATE TABLE effects (number bigint PRIMARY KEY);
        CREATE TABLE inbox_by_hand (consumer_group text, event_id text, taken_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer_group, event_id))";
    sqlx::raw_sql(tables).execute(pool).await?;
    Ok(())
}

async fn publish(stage: &Stage, events: usize) -> Result<(), Failure> {
    let producer = direct::producer(stage)?;
    let one = async |number: usize| {
        let record = Record::new(number % KEYS, stage.data(number));
        direct::send(&producer, &stage.topic, &record.key, &record).await
    };
    stream::iter(0..events).map(one).buffer_unordered(1_000).try_collect().await
}

async fn write(stage: &Stage, number: usize) -> Result<(), Failure> {
    let mut transaction = stage.database.pool.begin().await?;
    let row = sqlx::query("INSERT INTO moves (number) VALUES ($1)").bind(i64::try_from(number)?);
    row.execute(&mut *transaction).await?;
    stage.publisher.publish_in(&mut transaction, stage.event(number)).await?;
    transaction.commit().await?;
    Ok(())
}

async fn until_effects(pool: &PgPool, events: usize) {
    wait::within(Duration::from_mins(10), "every effect", || async {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM effects").fetch_one(pool).await.ok()?;
        (events <= usize::try_from(count).ok()?).then_some(())
    })
    .await;
}

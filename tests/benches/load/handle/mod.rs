//! Handling: from the topic to the effects in the database.

mod by_hand;
mod handlers;
pub(crate) mod memory;
pub(crate) mod steady;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use marty_events::{CancellationToken, EventConsumer, EventConsumerBuilder, EventHandlers, inbox};
use marty_events_tests::wait;
use sqlx::{PgPool, Postgres};

use crate::{
    Failure,
    by_hand::Record,
    direct, order, rate,
    report::Sample,
    stage::{KEYS, Stage},
};
use handlers::{Batches, Effects};

/// Handlers that run at a time, of the framework and by hand.
const CONCURRENCY: usize = 8;
/// The most events of a batch, of the framework and by hand.
const LONGEST_BATCH: usize = 500;

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

/// A consumer of this process.
struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), marty_events::EventError>>,
}

impl Running {
    fn start(consumer: EventConsumerBuilder<Postgres>) -> Result<Self, Failure> {
        let stop = CancellationToken::new();
        Ok(Self { task: tokio::spawn(consumer.build()?.run(stop.clone())), stop })
    }

    async fn stop(self) -> Result<(), Failure> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

/// With the settings that it has unless they are set.
fn consumer(stage: &Stage, handlers: impl EventHandlers<Postgres>) -> EventConsumerBuilder<Postgres> {
    let consumer = EventConsumer::builder(&stage.database.pool).config(stage.config.clone());
    consumer.group(format!("{}-handlers", stage.prefix)).handlers(handlers)
}

async fn handled(stage: &Stage, handlers: impl EventHandlers<Postgres>, events: usize) -> Result<(), Failure> {
    let consumer = consumer(stage, handlers).concurrency(CONCURRENCY).longest_batch(LONGEST_BATCH);
    let consumer = Running::start(consumer)?;
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

async fn until_effects(pool: &PgPool, events: usize) {
    wait::within(Duration::from_mins(10), "every effect", || async {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM effects").fetch_one(pool).await.ok()?;
        (events <= usize::try_from(count).ok()?).then_some(())
    })
    .await;
}

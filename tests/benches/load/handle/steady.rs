//! From the commit of an event to the commit of its handler, at a steady pace, with a relay in the same process.

use std::{ops::Range, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use marty_events::EventHandlers;
use marty_events_tests::{private_servers::Server, wait};
use sqlx::{PgPool, Postgres};

use super::{
    Running, consumer,
    handlers::{Effects, POISON, Picky},
    prepare,
};
use crate::{
    Failure, order,
    report::{Sample, percentile},
    stage::{KEYS, RunningRelay, Stage},
};

/// Events a second.
const PACE: usize = 1_000;
/// The first events, which are left out: writers and workers connect, and prepare their statements. That takes a tenth of a second, in which
/// more events than one of a hundred wait.
const COLD: usize = PACE;
/// Writers at a time.
const WRITERS: usize = 8;
/// One event of so many is of the poison's key.
const POISON_EVERY: usize = 10;

const BESIDE: [&str; 2] = ["without poison", "beside a poisoned key"];

pub(crate) async fn round(seconds: u64) -> Result<Vec<Sample>, Failure> {
    let (_server, url) = server();
    let mut times = latencies(&url, Effects, usize::try_from(seconds)? * PACE, |_| false).await?;
    Ok(percentiles("commit to commit", &mut times).into())
}

/// The events of the other keys, beside a key whose handler fails each time, and beside the same key whose handler succeeds.
pub(crate) async fn round_beside_poison(turn: usize, seconds: u64) -> Result<Vec<Sample>, Failure> {
    let (_server, url) = server();
    let events = usize::try_from(seconds)? * PACE;
    let mut samples: Vec<Option<[Sample; 2]>> = BESIDE.iter().map(|_| None).collect();
    for place in order(BESIDE.len(), turn) {
        let mut times = match place {
            0 => latencies(&url, Effects, events, is_poison).await?,
            _ => latencies(&url, Picky, events, is_poison).await?,
        };
        samples[place] = Some(percentiles(BESIDE[place], &mut times));
    }
    Ok(samples.into_iter().flatten().flatten().collect())
}

/// A server that keeps the time of each commit.
fn server() -> (Server, String) {
    Server::postgres_with("track_commit_timestamp = on")
}

fn percentiles(name: &str, times: &mut [f64]) -> [Sample; 2] {
    [50, 99].map(|percent| Sample::new(format!("{name}, p{percent}"), percentile(times, percent)))
}

/// The milliseconds of each event that is not of the poison's key, by the server's times of both commits.
async fn latencies(
    url: &str,
    handlers: impl EventHandlers<Postgres>,
    events: usize,
    is_poison: fn(usize) -> bool,
) -> Result<Vec<f64>, Failure> {
    let stage = Arc::new(Stage::on(url).await?);
    prepare(&stage.database.pool).await?;
    let moves = "CREATE TABLE moves (number bigint PRIMARY KEY, is_poison boolean NOT NULL)";
    sqlx::raw_sql(moves).execute(&stage.database.pool).await?;
    // Poison is tried, and is given up, all the while.
    let consumer = consumer(&stage, handlers).attempts(3).retry_delay(Duration::from_millis(100));
    let (relay, consumer) = (RunningRelay::start(stage.relay())?, Running::start(consumer)?);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / u32::try_from(PACE)?);
    let ticks = stream::unfold(&mut pace, |pace| async {
        pace.tick().await;
        Some(((), pace))
    });
    ticks
        .take(COLD + events)
        .enumerate()
        .map(|(number, ())| {
            let (stage, is_poison) = (Arc::clone(&stage), is_poison(number));
            // A task of its own, as a service's request: the thread of this one is not the runtime's.
            let writer = tokio::spawn(async move { write(&stage, number, is_poison).await });
            async move { writer.await? }
        })
        .buffer_unordered(WRITERS)
        .try_collect::<()>()
        .await?;
    let others = |numbers: Range<usize>| numbers.filter(|number| !is_poison(*number)).count();
    until_handled(&stage.database.pool, others(0..COLD + events)).await;
    consumer.stop().await?;
    relay.stop().await?;
    let sql = "SELECT 1000 * extract(epoch FROM
            pg_xact_commit_timestamp(effects.xmin) - pg_xact_commit_timestamp(moves.xmin))::float8
        FROM moves JOIN effects USING (number) WHERE $1 <= number AND NOT is_poison";
    let times: Vec<f64> = sqlx::query_scalar(sql).bind(i64::try_from(COLD)?).fetch_all(&stage.database.pool).await?;
    if let Ok(stage) = Arc::try_unwrap(stage).map_err(|_| ()) {
        stage.end().await;
    }
    let others = others(COLD..COLD + events);
    if times.len() != others {
        return Err(format!("{} of {others} effects are there", times.len()).into());
    }
    Ok(times)
}

fn is_poison(number: usize) -> bool {
    number % POISON_EVERY == 1
}

async fn write(stage: &Stage, number: usize, is_poison: bool) -> Result<(), Failure> {
    let mut transaction = stage.database.pool.begin().await?;
    let row = sqlx::query("INSERT INTO moves (number, is_poison) VALUES ($1, $2)");
    row.bind(i64::try_from(number)?).bind(is_poison).execute(&mut *transaction).await?;
    let event = if is_poison { stage.event_of(POISON, number) } else { stage.event_of(number % KEYS, number) };
    stage.publisher.publish_in(&mut transaction, event).await?;
    transaction.commit().await?;
    Ok(())
}

/// Until so many events that are not of the poison's key have had their effect.
async fn until_handled(pool: &PgPool, events: usize) {
    let sql = "SELECT count(*) FROM effects JOIN moves USING (number) WHERE NOT is_poison";
    wait::within(Duration::from_mins(10), "every effect", || async {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.ok()?;
        (events <= usize::try_from(count).ok()?).then_some(())
    })
    .await;
}

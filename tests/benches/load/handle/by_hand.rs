//! The loop of a careful author: lanes of keys, an inbox row and the effect in one transaction, offsets after the commits.
//!
//! It has no retries, no parked keys and no hand-over; a failure ends it.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
    message::{BorrowedMessage, Headers},
};
use serde::Deserialize;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::mpsc;

use super::{
    CONCURRENCY, LONGEST_BATCH,
    handlers::{Moved, write, write_all},
};
use crate::{Failure, stage::Stage};

/// The records between two commits of offsets.
const ROUND: usize = 1_000;

#[derive(Deserialize)]
struct Envelope {
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    event_data: Moved,
}

struct Event {
    id: String,
    lane: usize,
    number: i64,
}

pub(super) async fn run(stage: &Stage, events: usize, in_batches: bool) -> Result<(), Failure> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &stage.brokers)
        .set("group.id", format!("{}-by-hand", stage.prefix))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[&stage.topic])?;
    let (send, mut rounds) = mpsc::channel::<Vec<Event>>(1);
    let (done, committed) = std::sync::mpsc::channel::<()>();
    let reading = tokio::task::spawn_blocking(move || read(&consumer, &send, &committed, events));
    while let Some(round) = rounds.recv().await {
        if in_batches {
            for batch in round.chunks(LONGEST_BATCH) {
                handle_all(&stage.database.pool, batch).await?;
            }
        } else {
            handle_lanes(&stage.database.pool, round).await?;
        }
        // The reader is gone after the last one.
        let _ = done.send(());
    }
    reading.await?
}

/// Reads a round ahead of the one at work, and commits the offsets of a round that is done.
fn read(
    consumer: &BaseConsumer,
    send: &mpsc::Sender<Vec<Event>>,
    committed: &std::sync::mpsc::Receiver<()>,
    events: usize,
) -> Result<(), Failure> {
    let limit = Instant::now() + Duration::from_mins(10);
    let (mut round, mut seen, mut marks) = (Vec::new(), 0, Vec::new());
    while seen < events {
        if limit < Instant::now() {
            return Err("the records did not come".into());
        }
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        round.push(event(&message?)?);
        seen += 1;
        if round.len() == ROUND || seen == events {
            marks.push(consumer.position()?);
            send.blocking_send(std::mem::take(&mut round))?;
            if 1 < marks.len() {
                committed.recv()?;
                consumer.commit(&marks.remove(0), CommitMode::Async)?;
            }
        }
    }
    for mark in marks {
        committed.recv()?;
        consumer.commit(&mark, CommitMode::Sync)?;
    }
    Ok(())
}

fn event(message: &BorrowedMessage<'_>) -> Result<Event, Failure> {
    let headers = message.headers().ok_or("a record without headers")?;
    let id = headers.iter().find(|header| header.key == "ce_id").and_then(|header| header.value);
    let envelope: Envelope = serde_json::from_slice(message.payload().ok_or("a record without a value")?)?;
    let lane = usize::try_from(crc32fast::hash(message.key().unwrap_or_default()))? % CONCURRENCY;
    let id = std::str::from_utf8(id.ok_or("a record without an id")?)?.to_owned();
    Ok(Event { id, lane, number: envelope.payload.event_data.number })
}

async fn handle_lanes(pool: &PgPool, round: Vec<Event>) -> Result<(), Failure> {
    let mut lanes: Vec<Vec<Event>> = (0..CONCURRENCY).map(|_| Vec::new()).collect();
    for event in round {
        lanes[event.lane].push(event);
    }
    let mut work = tokio::task::JoinSet::new();
    for lane in lanes {
        let pool = pool.clone();
        work.spawn(async move {
            for event in lane {
                let mut transaction = pool.begin().await?;
                if claim(&mut transaction, &event).await? {
                    write(&mut transaction, event.number).await?;
                }
                transaction.commit().await?;
            }
            Ok::<_, sqlx::Error>(())
        });
    }
    while let Some(lane) = work.join_next().await {
        lane??;
    }
    Ok(())
}

async fn claim(transaction: &mut Transaction<'_, Postgres>, event: &Event) -> Result<bool, sqlx::Error> {
    let sql = "INSERT INTO inbox_by_hand (consumer_group, event_id) VALUES ('by-hand', $1) ON CONFLICT DO NOTHING";
    let done = sqlx::query(sql).bind(&event.id).execute(&mut **transaction).await?;
    Ok(done.rows_affected() == 1)
}

async fn handle_all(pool: &PgPool, batch: &[Event]) -> Result<(), Failure> {
    let mut transaction = pool.begin().await?;
    let sql = "INSERT INTO inbox_by_hand (consumer_group, event_id) SELECT 'by-hand', unnest($1::text[])
        ON CONFLICT DO NOTHING RETURNING event_id";
    let ids: Vec<&str> = batch.iter().map(|event| event.id.as_str()).collect();
    let taken: Vec<String> = sqlx::query_scalar(sql).bind(ids).fetch_all(&mut *transaction).await?;
    let taken: std::collections::HashSet<String> = taken.into_iter().collect();
    let numbers = batch.iter().filter(|event| taken.contains(&event.id)).map(|event| event.number).collect();
    write_all(&mut transaction, numbers).await?;
    transaction.commit().await?;
    Ok(())
}

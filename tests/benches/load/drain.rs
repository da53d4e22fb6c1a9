//! A backlog, from the table to Kafka.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use sqlx::{PgPool, Row};

use crate::{
    Failure,
    by_hand::{Record, claim_and_delete},
    direct,
    open::{self, open},
    order, processor, rate,
    report::Sample,
    stage::{RunningRelay, Stage},
};

/// The number of rows that the loops take at a time; the relay's own default.
const PAGE: i64 = 1_000;

const CASES: [&str; 6] = [
    "claim and delete",
    "relay",
    "relay beside a writer",
    "relay beside a reader",
    "skip-locked loop, send, delete",
    "the same loop, with the headers",
];

pub(crate) async fn round(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    let mut rates = [0.0; CASES.len()];
    for place in order(CASES.len(), turn) {
        let stage = Stage::new().await?;
        stage.fill(events).await?;
        let statement = match place {
            2 => open::WRITER,
            3 => open::READER,
            _ => None,
        };
        let in_the_way = open(&stage, statement).await?;
        rates[place] = match place {
            0 => bare(&stage, events).await?,
            4 => skip_locked(&stage, events, false).await?,
            5 => skip_locked(&stage, events, true).await?,
            _ => stage.relay_rate(events).await?,
        };
        drop(in_the_way);
        stage.end().await;
    }
    Ok(CASES.iter().zip(rates).map(|(case, rate)| Sample::new(*case, rate)).collect())
}

/// Claims and deletes, without Kafka.
pub(crate) async fn bare(stage: &Stage, events: usize) -> Result<f64, Failure> {
    let begin = Instant::now();
    while claim_and_delete(&stage.database.pool, PAGE).await? > 0 {}
    Ok(rate(events, begin.elapsed()))
}

/// The usual loop: claims a page, sends it, waits for every acknowledgement, deletes it, commits. With its headers, it sends what the relay sends.
async fn skip_locked(stage: &Stage, events: usize, has_headers: bool) -> Result<f64, Failure> {
    let begin = Instant::now();
    let producer = direct::producer(stage)?;
    loop {
        let mut transaction = stage.database.pool.begin().await?;
        let claim = if has_headers {
            "SELECT seq, event_id, record_key, headers, payload FROM event_outbox ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED"
        } else {
            "SELECT seq, event_id, record_key, payload FROM event_outbox ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED"
        };
        let rows = sqlx::query(claim).bind(PAGE).fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(rate(events, begin.elapsed()));
        }
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let headers: Vec<(String, String)> =
                if has_headers { serde_json::from_str(row.try_get("headers")?)? } else { Vec::new() };
            records.push(Record {
                id: row.try_get("event_id")?,
                key: row.try_get("record_key")?,
                headers: headers.into_iter().map(|(name, value)| (name.into(), value)).collect(),
                payload: row.try_get("payload")?,
            });
        }
        try_join_all(records.iter().map(|record| direct::send(&producer, &stage.topic, &record.key, record))).await?;
        let seqs = rows.iter().map(|row| row.try_get("seq")).collect::<Result<Vec<i64>, _>>()?;
        sqlx::query("DELETE FROM event_outbox WHERE seq = ANY($1)").bind(seqs).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
}

const SIZES: [(&str, usize); 3] = [("10,000", 10_000), ("100,000", 100_000), ("1,000,000", 1_000_000)];

/// Events a second, the same a second of processor time of the relay and PostgreSQL together, and the blocks (8 KiB) that PostgreSQL did
/// not find in its own memory, for 1,000 events.
pub(crate) async fn round_of_sizes(turn: usize) -> Result<Vec<Sample>, Failure> {
    let mut samples: Vec<Vec<Sample>> = SIZES.iter().map(|_| Vec::new()).collect();
    for place in order(SIZES.len(), turn) {
        let (stage, (size, events)) = (Stage::new().await?, SIZES[place]);
        stage.fill(events).await?;
        let pool = &stage.database.pool;
        let (before, read) = (processor::with_server(pool).await?, blocks_read(pool).await?);
        let pace = stage.relay_rate(events).await?;
        let used = processor::with_server(pool).await? - before;
        let read = blocks_read(pool).await? - read;
        stage.end().await;
        samples[place] = vec![
            Sample::new(size, pace),
            Sample::new(format!("{size}, a core"), rate(events, Duration::from_secs_f64(used))),
            Sample::new(format!("{size}, blocks read"), 1_000.0 * read / f64::from(u32::try_from(events)?)),
        ];
    }
    Ok(samples.into_iter().flatten().collect())
}

async fn blocks_read(pool: &PgPool) -> Result<f64, Failure> {
    let sql = "SELECT blks_read::float8 FROM pg_stat_database WHERE datname = current_database()";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

const KEY: [&str; 3] = ["relay, 10,000 keys", "relay, one key", "raw send, one after the other"];

/// A loop that keeps the order of one key by hand sends one event after the other.
pub(crate) async fn round_of_one_key(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    let mut rates = [0.0; KEY.len()];
    for place in order(KEY.len(), turn) {
        let stage = Stage::new().await?;
        rates[place] = match place {
            0 | 1 => {
                stage.fill_in(events, [10_000, 1][place]).await?;
                stage.relay_rate(events).await?
            }
            _ => one_after_the_other(&stage, 10_000.min(events)).await?,
        };
        stage.end().await;
    }
    Ok(KEY.iter().zip(rates).map(|(case, rate)| Sample::new(*case, rate)).collect())
}

async fn one_after_the_other(stage: &Stage, events: usize) -> Result<f64, Failure> {
    let producer = direct::producer(stage)?;
    let records: Vec<Record> = (0..events).map(|number| Record::new(0, stage.data(number))).collect();
    let begin = Instant::now();
    for record in &records {
        direct::send(&producer, &stage.topic, &record.key, record).await?;
    }
    Ok(rate(events, begin.elapsed()))
}

const RELAYS: [(&str, usize); 3] = [("1 relay", 1), ("2 relays", 2), ("4 relays", 4)];

pub(crate) async fn round_of_relays(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    let mut samples: Vec<Vec<Sample>> = RELAYS.iter().map(|_| Vec::new()).collect();
    for place in order(RELAYS.len(), turn) {
        let (name, count) = RELAYS[place];
        let (rate, a_core) = by_relays(count, events).await?;
        samples[place] = vec![Sample::new(name, rate), Sample::new(format!("{name}, a core"), a_core)];
    }
    Ok(samples.into_iter().flatten().collect())
}

/// Events a second, and events a second of processor time of the relays and PostgreSQL together. All relays have their share of the lanes
/// before the backlog is there.
async fn by_relays(count: usize, events: usize) -> Result<(f64, f64), Failure> {
    let stage = Stage::new().await?;
    // One transaction, so that none of them begins before the others.
    let mut transaction = stage.database.pool.begin().await?;
    for first in (0..events).step_by(5_000) {
        let part = (first..events.min(first + 5_000)).map(|number| stage.event(number));
        stage.publisher.publish_all_in(&mut transaction, part).await?;
    }
    let relays = (0..count).map(|_| RunningRelay::start(stage.relay())).collect::<Result<Vec<_>, _>>()?;
    let shares = "SELECT count(DISTINCT owner) FROM event_outbox_lanes";
    marty_events_tests::wait::until("every relay to have lanes", || async {
        let owners: i64 = sqlx::query_scalar(shares).fetch_one(&stage.database.pool).await.ok()?;
        (usize::try_from(owners) == Ok(count)).then_some(())
    })
    .await;
    transaction.commit().await?;
    let pool = &stage.database.pool;
    let (begin, before) = (Instant::now(), processor::with_server(pool).await?);
    stage.until_delivered(events).await;
    let elapsed = begin.elapsed();
    let used = processor::with_server(pool).await? - before;
    for relay in relays {
        relay.stop().await?;
    }
    stage.end().await;
    Ok((rate(events, elapsed), rate(events, Duration::from_secs_f64(used))))
}

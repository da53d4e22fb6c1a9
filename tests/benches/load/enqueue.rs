//! The time that an event adds to a transaction.

use std::time::Instant;

use marty_events::{EventError, domain_event};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::{
    Failure,
    by_hand::{self, Record},
    call,
    envelope::Data,
    order, rate,
    report::{Sample, percentile},
    stage::Stage,
};

const CASES: [&str; 3] = ["no event", "by hand", "attribute"];
/// So many transactions of one case, then as many of the next.
const BLOCK: usize = 50;

async fn business(tx: &mut Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO accounts (id, owner) VALUES ($1, $2)";
    sqlx::query(sql).bind(Uuid::now_v7()).bind("somebody").execute(&mut **tx).await.map(drop)
}

async fn plain(pool: &PgPool) -> Result<(), Failure> {
    let mut tx = pool.begin().await?;
    business(&mut tx).await?;
    Ok(tx.commit().await?)
}

async fn with_an_insert_by_hand(stage: &Stage, number: usize) -> Result<(), Failure> {
    let mut tx = stage.database.pool.begin().await?;
    business(&mut tx).await?;
    by_hand::insert(&mut tx, &stage.topic, &Record::new(number, stage.data(number))).await?;
    Ok(tx.commit().await?)
}

#[domain_event(
    aggregate_type = "account",
    event_type = "moved",
    aggregate_id_field = "key",
    data = Data { number, filler }
)]
async fn moved(key: usize, number: usize, filler: &str, tx: &mut Transaction<'_, Postgres>) -> Result<(), EventError> {
    let _ = filler;
    business(tx).await.map_err(|source| EventError::Outbox { operation: "do business", source: source.into() })
}

async fn with_an_attribute(stage: &Stage, number: usize) -> Result<(), Failure> {
    let mut tx = stage.database.pool.begin().await?;
    moved(number, number, &stage.filler, &mut tx).await?;
    Ok(tx.commit().await?)
}

pub(crate) async fn round(turn: usize, transactions: usize) -> Result<Vec<Sample>, Failure> {
    let stage = Stage::new().await?;
    call::registered(&stage).await?;
    sqlx::query("CREATE TABLE accounts (id uuid PRIMARY KEY, owner text NOT NULL)")
        .execute(&stage.database.pool)
        .await?;
    let mut times = [const { Vec::new() }; CASES.len()];
    for first in (0..transactions + BLOCK).step_by(BLOCK) {
        for place in order(CASES.len(), turn + first / BLOCK) {
            for number in first..first + BLOCK {
                let begin = Instant::now();
                match place {
                    0 => plain(&stage.database.pool).await?,
                    1 => with_an_insert_by_hand(&stage, number).await?,
                    _ => with_an_attribute(&stage, number).await?,
                }
                times[place].push(begin.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM event_outbox").fetch_one(&stage.database.pool).await?;
    assert_eq!(usize::try_from(written)?, 2 * (transactions + BLOCK), "every case did what it is measured for");
    stage.end().await;
    // The first block made the connections.
    let medians = times.map(|mut times| percentile(&mut times.split_off(BLOCK), 50));
    Ok(CASES.iter().zip(medians).map(|(case, median)| Sample::new(*case, median)).collect())
}

const MANY: [&str; 2] = ["by hand", "publish_all_in"];
const EVENTS: usize = 1_000;

pub(crate) async fn round_of_many(turn: usize, transactions: usize) -> Result<Vec<Sample>, Failure> {
    let stage = Stage::new().await?;
    let pool = &stage.database.pool;
    let mut seconds = [0.0; MANY.len()];
    for transaction in 0..transactions {
        for place in order(MANY.len(), turn + transaction) {
            let first = transaction * EVENTS;
            let begin = Instant::now();
            let mut tx = pool.begin().await?;
            if place == 0 {
                let records: Vec<Record> =
                    (first..first + EVENTS).map(|number| Record::new(number, stage.data(number))).collect();
                by_hand::insert_all(&mut tx, &stage.topic, &records).await?;
            } else {
                let events = (first..first + EVENTS).map(|number| stage.event(number));
                stage.publisher.publish_all_in(&mut tx, events).await?;
            }
            tx.commit().await?;
            // The first one prepares the statement.
            if 0 < transaction {
                seconds[place] += begin.elapsed().as_secs_f64();
            }
        }
    }
    stage.end().await;
    let rates = seconds.map(|seconds| rate((transactions - 1) * EVENTS, std::time::Duration::from_secs_f64(seconds)));
    Ok(MANY.iter().zip(rates).map(|(case, rate)| Sample::new(*case, rate)).collect())
}

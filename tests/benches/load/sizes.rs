//! Backlogs of several sizes, each drained by a program of its own: events a second, and the most memory.

use std::time::{Duration, Instant};

use marty_events_tests::{private_servers::Server, process::Watched};

use crate::{Failure, mebibytes, order, peers, rate, report::Sample, slot, stage::Stage};

const SIZES: [usize; 5] = [1_000, 10_000, 50_000, 200_000, 1_000_000];

const RELAY: &str = "relay";
const LOG: &str = "reader of the log, in Rust";
const CASES: [&str; 2] = [RELAY, LOG];

pub(crate) async fn round(turn: usize) -> Result<Vec<Sample>, Failure> {
    // One of them reads the log, so both get a server that writes it in full.
    let (_server, url) = Server::postgres_with("wal_level = logical");
    let mut samples = Vec::new();
    for size in SIZES {
        for place in order(CASES.len(), turn) {
            let stage = Stage::on(&url).await?;
            let result =
                if CASES[place] == RELAY { Some(relay(&stage, size).await?) } else { log(&stage, size).await? };
            stage.end().await;
            let Some((rate, memory)) = result else { continue };
            samples.push(Sample::at(format!("{}, events/s", CASES[place]), size, rate));
            samples.push(Sample::at(format!("{}, MiB", CASES[place]), size, memory));
        }
    }
    Ok(samples)
}

async fn relay(stage: &Stage, events: usize) -> Result<(f64, f64), Failure> {
    stage.fill(events).await?;
    let mut command = stage.relay_command(&[]);
    let begin = Instant::now();
    let relay = Watched::start(&mut command);
    stage.until_delivered(events).await;
    Ok((rate(events, begin.elapsed()), mebibytes(relay.peak_memory())?))
}

/// It is at the beginning of the backlog before the clock runs, and stays until its memory was read.
async fn log(stage: &Stage, events: usize) -> Result<Option<(f64, f64)>, Failure> {
    let Some(mut program) = peers::program("MARTY_EVENTS_LOAD_WAL", &[]) else { return Ok(None) };
    let pool = &stage.database.pool;
    slot::open(pool).await?;
    stage.fill(events).await?;
    let reader = Watched::start(peers::given(&mut program, stage, events, 1).env("STAYS", "1"));
    let line = tokio::task::block_in_place(|| reader.line(Duration::from_mins(10)));
    let seconds: f64 = line.ok_or("the reader of the log is silent")?.parse()?;
    let memory = mebibytes(reader.peak_memory())?;
    drop(reader);
    slot::close(pool).await;
    Ok(Some((rate(events, Duration::from_secs_f64(seconds)), memory)))
}

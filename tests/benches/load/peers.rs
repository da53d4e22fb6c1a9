//! The alternatives of a user, at the same backlog in the same round; see `tests/peers`.

use std::{
    env,
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use futures_util::future::try_join_all;
use marty_events_tests::private_servers::Server;
use sqlx::Row;

use crate::{Failure, by_hand::Record, direct, drain, order, processor, report::Sample, slot, stage::Stage};

#[derive(Debug, Clone, Copy)]
enum Peer {
    Debezium,
    Log,
    Relay,
    Bare,
    RustLoop(i64),
    Python(i64),
    Oxide(&'static str),
}

const CASES: [(&str, Peer); 10] = [
    ("Debezium's engine, handler that does nothing", Peer::Debezium),
    ("relay", Peer::Relay),
    ("reader of the log, in Rust", Peer::Log),
    ("claim and delete, no Kafka", Peer::Bare),
    ("Rust loop, 100 a batch", Peer::RustLoop(100)),
    ("Rust loop, 1,000 a batch", Peer::RustLoop(1_000)),
    ("Python loop, 100 a batch", Peer::Python(100)),
    ("Python loop, 1,000 a batch", Peer::Python(1_000)),
    ("Oxide Outbox, transport that does nothing", Peer::Oxide("none")),
    ("Oxide Outbox", Peer::Oxide("kafka")),
];

pub(crate) async fn round(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    // Debezium reads the log, so all of them get a server that writes it in full.
    let (_server, url) = Server::postgres_with("wal_level = logical");
    let mut results = [None; CASES.len()];
    for place in order(CASES.len(), turn) {
        let stage = Stage::on(&url).await?;
        results[place] = run(CASES[place].1, &stage, events).await?;
        stage.end().await;
    }
    let samples = CASES.iter().zip(results).filter_map(|((name, _), result)| {
        let (rate, of_a_core) = result?;
        Some([Sample::new(*name, rate), Sample::new(format!("{name}, a core"), of_a_core)])
    });
    Ok(samples.flatten().collect())
}

/// Events a second, and events a second of processor time of the peer and PostgreSQL together; nothing where the peer is not there.
async fn run(peer: Peer, stage: &Stage, events: usize) -> Result<Option<(f64, f64)>, Failure> {
    prepare(peer, stage, events).await?;
    let pool = &stage.database.pool;
    let before = processor::with_server(pool).await?;
    let rate = rate_of(peer, stage, events).await?;
    let used = processor::with_server(pool).await? - before;
    if reads_the_log(peer) {
        slot::close(pool).await;
    }
    let events = f64::from(u32::try_from(events)?);
    Ok(rate.map(|rate| (rate, events / used)))
}

/// The table with its backlog, and the slot of those that read the log.
async fn prepare(peer: Peer, stage: &Stage, events: usize) -> Result<(), Failure> {
    if reads_the_log(peer) {
        slot::open(&stage.database.pool).await?;
    }
    stage.fill(events).await?;
    if matches!(peer, Peer::Python(_) | Peer::RustLoop(_)) {
        usual_table(stage).await?;
    }
    Ok(())
}

fn reads_the_log(peer: Peer) -> bool {
    matches!(peer, Peer::Debezium | Peer::Log)
}

async fn rate_of(peer: Peer, stage: &Stage, events: usize) -> Result<Option<f64>, Failure> {
    let seconds = match peer {
        Peer::Debezium => {
            let Some(jars) = path("MARTY_EVENTS_LOAD_DEBEZIUM") else { return Ok(None) };
            let mut program = Command::new("java");
            program.arg("-Xmx1g").arg("-cp").arg(Path::new(&jars).join("*")).arg(peers().join("debezium/Drain.java"));
            answer(program, stage, events, 2_048).await?
        }
        Peer::Log => {
            let Some(program) = program("MARTY_EVENTS_LOAD_WAL", &[]) else { return Ok(None) };
            answer(program, stage, events, 2_048).await?
        }
        Peer::Oxide(transport) => {
            let Some(mut program) = program("MARTY_EVENTS_LOAD_OXIDE", &[]) else { return Ok(None) };
            program.env("TRANSPORT", transport);
            answer(program, stage, events, 100).await?
        }
        Peer::Python(batch) => {
            let script = peers().join("python/drain.py");
            let Some(program) = program("MARTY_EVENTS_LOAD_PYTHON", &[script.to_string_lossy().as_ref()]) else {
                return Ok(None);
            };
            answer(program, stage, events, batch).await?
        }
        Peer::Relay => return stage.relay_rate(events).await.map(Some),
        Peer::Bare => return drain::bare(stage, events).await.map(Some),
        Peer::RustLoop(batch) => {
            let begin = Instant::now();
            rust_loop(stage, batch).await?;
            begin.elapsed().as_secs_f64()
        }
    };
    Ok(Some(f64::from(u32::try_from(events)?) / seconds))
}

fn peers() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The path that a variable names, or nothing after saying that it is not there.
fn path(variable: &str) -> Option<OsString> {
    let path = env::var_os(variable);
    if path.is_none() {
        eprintln!("left out, because {variable} is not set");
    }
    path
}

/// The program that a variable names.
pub(crate) fn program(variable: &str, arguments: &[&str]) -> Option<Command> {
    let mut command = Command::new(path(variable)?);
    command.args(arguments);
    Some(command)
}

/// Runs a peer to its end; answers the seconds that it prints.
async fn answer(mut command: Command, stage: &Stage, events: usize, batch: i64) -> Result<f64, Failure> {
    given(&mut command, stage, events, batch).stdin(Stdio::null());
    let output = tokio::process::Command::from(command).output().await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// The task of a peer, in its environment.
pub(crate) fn given<'c>(command: &'c mut Command, stage: &Stage, events: usize, batch: i64) -> &'c mut Command {
    command
        .env("DATABASE_URL", &stage.database.url)
        .env("KAFKA_BROKERS", &stage.brokers)
        .env("TOPIC", &stage.topic)
        .env("EVENTS", events.to_string())
        .env("BATCH", batch.to_string())
        .env("SLOT", slot::NAME)
}

/// The table of most services, with the same bytes.
async fn usual_table(stage: &Stage) -> Result<(), Failure> {
    let statements = "
        CREATE TABLE usual_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, record_key text NOT NULL,
            headers text NOT NULL, payload bytea NOT NULL, published_at timestamptz);
        CREATE INDEX ON usual_outbox (id) WHERE published_at IS NULL;
        INSERT INTO usual_outbox (record_key, headers, payload)
            SELECT record_key, headers, payload FROM event_outbox ORDER BY seq;
        ANALYZE usual_outbox";
    sqlx::raw_sql(statements).execute(&stage.database.pool).await?;
    Ok(())
}

/// Claims a page, sends it, waits for every acknowledgement, marks it, commits.
async fn rust_loop(stage: &Stage, batch: i64) -> Result<(), Failure> {
    let producer = direct::producer(stage)?;
    loop {
        let mut transaction = stage.database.pool.begin().await?;
        let claim = "SELECT id, record_key, payload FROM usual_outbox WHERE published_at IS NULL
            ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED";
        let rows = sqlx::query(claim).bind(batch).fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let (key, payload) = (row.try_get("record_key")?, row.try_get("payload")?);
            records.push(Record { id: uuid::Uuid::nil(), key, headers: Vec::new(), payload });
        }
        try_join_all(records.iter().map(|record| direct::send(&producer, &stage.topic, &record.key, record))).await?;
        let ids = rows.iter().map(|row| row.try_get("id")).collect::<Result<Vec<i64>, _>>()?;
        sqlx::query("UPDATE usual_outbox SET published_at = now() WHERE id = ANY($1)")
            .bind(ids)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
}

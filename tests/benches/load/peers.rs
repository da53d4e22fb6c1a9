//! The alternatives of a user, at the same backlog in the same round; see `tests/peers`.

use std::{env, path::Path, process::Stdio, time::Instant};

use futures_util::future::try_join_all;
use marty_events_tests::private_servers::Server;
use sqlx::Row;
use tokio::process::Command;

use crate::{Failure, by_hand::Record, direct, drain, order, report::Sample, stage::Stage};

#[derive(Debug, Clone, Copy)]
enum Peer {
    Debezium,
    Relay,
    Bare,
    RustLoop(i64),
    Python(i64),
    Oxide(&'static str),
}

const CASES: [(&str, Peer); 9] = [
    ("Debezium's engine, handler that does nothing", Peer::Debezium),
    ("relay", Peer::Relay),
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
    let mut rates = [None; CASES.len()];
    for place in order(CASES.len(), turn) {
        let stage = Stage::on(&url).await?;
        rates[place] = run(CASES[place].1, &stage, events).await?;
        stage.end().await;
    }
    let samples = CASES.iter().zip(rates).filter_map(|((name, _), rate)| Some(Sample::new(*name, rate?)));
    Ok(samples.collect())
}

/// Events a second, or nothing where the peer is not there.
async fn run(peer: Peer, stage: &Stage, events: usize) -> Result<Option<f64>, Failure> {
    let seconds = match peer {
        Peer::Debezium => return debezium(stage, events).await,
        Peer::Oxide(transport) => {
            stage.fill(events).await?;
            let Some(mut program) = program("MARTY_EVENTS_LOAD_OXIDE", &[]) else { return Ok(None) };
            answer(program.env("TRANSPORT", transport), stage, events, 100).await?
        }
        Peer::Python(batch) => {
            usual_table(stage, events).await?;
            let script = peers().join("python/drain.py");
            let Some(mut program) = program("MARTY_EVENTS_LOAD_PYTHON", &[script.to_string_lossy().as_ref()]) else {
                return Ok(None);
            };
            answer(&mut program, stage, events, batch).await?
        }
        Peer::Relay => {
            stage.fill(events).await?;
            return stage.relay_rate(events).await.map(Some);
        }
        Peer::Bare => {
            stage.fill(events).await?;
            return drain::bare(stage, events).await.map(Some);
        }
        Peer::RustLoop(batch) => {
            usual_table(stage, events).await?;
            let begin = Instant::now();
            rust_loop(stage, batch).await?;
            begin.elapsed().as_secs_f64()
        }
    };
    Ok(Some(f64::from(u32::try_from(events)?) / seconds))
}

/// The slot is made before the backlog, as it is there before a connector that was away comes back.
async fn debezium(stage: &Stage, events: usize) -> Result<Option<f64>, Failure> {
    const SLOT: &str = "load";
    let source = peers().join("debezium/Drain.java");
    let Some(jars) = env::var_os("MARTY_EVENTS_LOAD_DEBEZIUM") else {
        eprintln!("left out, because MARTY_EVENTS_LOAD_DEBEZIUM is not set");
        return Ok(None);
    };
    let pool = &stage.database.pool;
    sqlx::query("CREATE PUBLICATION load FOR TABLE event_outbox").execute(pool).await?;
    sqlx::query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')").bind(SLOT).execute(pool).await?;
    stage.fill(events).await?;
    let mut program = Command::new("java");
    program.arg("-Xmx1g").arg("-cp").arg(Path::new(&jars).join("*")).arg(source).env("SLOT", SLOT);
    let seconds = answer(&mut program, stage, events, 2_048).await?;
    let drop_slot = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active";
    marty_events_tests::wait::until("the slot to be free", || async {
        let dropped = sqlx::query(drop_slot).fetch_all(pool).await.ok()?;
        (!dropped.is_empty()).then_some(())
    })
    .await;
    Ok(Some(f64::from(u32::try_from(events)?) / seconds))
}

fn peers() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The program that a variable names, or nothing after saying that it is not there.
fn program(variable: &str, arguments: &[&str]) -> Option<Command> {
    let Some(path) = env::var_os(variable) else {
        eprintln!("left out, because {variable} is not set");
        return None;
    };
    let mut command = Command::new(path);
    command.args(arguments);
    Some(command)
}

/// Runs a peer to its end; answers the seconds that it prints.
async fn answer(command: &mut Command, stage: &Stage, events: usize, batch: i64) -> Result<f64, Failure> {
    let output = command
        .env("DATABASE_URL", &stage.database.url)
        .env("KAFKA_BROKERS", &stage.brokers)
        .env("TOPIC", &stage.topic)
        .env("EVENTS", events.to_string())
        .env("BATCH", batch.to_string())
        .stdin(Stdio::null())
        .output()
        .await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// The table of most services, with the same bytes.
async fn usual_table(stage: &Stage, events: usize) -> Result<(), Failure> {
    stage.fill(events).await?;
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

//! A service that calls one annotated method once. The tests follow its event.
//!
//! `CALLING_SERVICE_METHOD` names the method, and `CALLING_SERVICE_ID` is its argument. `CALLING_SERVICE_WORK` is the SQL of its body, and
//! `CALLING_SERVICE_DATABASE` the database of the transaction that it takes.
//!
//! The service has one thread and one connection. It holds the transaction until its standard input ends. Then it commits after `Ok` and
//! rolls back after `Err`, as a caller does. It prints the method's answer, and its counts at the end, to standard output; its log is
//! standard error.

use std::{error::Error, io::Read, time::Instant};

use marty_events::{AuditEventType, EventError, OutboxConnection, OutboxTransaction, audit_event, domain_event};
use marty_events_tests::counters::Counters;
use serde_json::json;
use sqlx::{AssertSqlSafe, Postgres, Sqlite, pool::PoolOptions};

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the account is refused")]
    Refused,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Event(#[from] EventError),
}

/// A text that no log may show.
const SECRET: &str = "4929-1234-5678-9010";

#[audit_event(
    event_type = AuditEventType::DataExported,
    action = "export",
    resource_type = "account",
    resource_id_field = "id",
    data(secret)
)]
async fn export(id: &str, secret: &str) -> Result<(), Failure> {
    let _ = (id, secret);
    Ok(())
}

#[audit_event(
    event_type = AuditEventType::DataExported,
    action = "export",
    resource_type = "account",
    resource_id_field = "id",
    data(secret),
    on_publish_error = "fail"
)]
async fn export_strictly(id: &str, secret: &str) -> Result<(), Failure> {
    let _ = (id, secret);
    Ok(())
}

/// Does the method's work in whichever database the transaction is of.
async fn perform(tx: &mut impl OutboxTransaction, work: String) -> Result<(), Failure> {
    let work = sqlx::raw_sql(AssertSqlSafe(work));
    match tx.connection() {
        OutboxConnection::Postgres(connection) => work.execute(connection).await.map(drop)?,
        OutboxConnection::Sqlite(connection) => work.execute(connection).await.map(drop)?,
        other => unreachable!("{other:?}"),
    }
    Ok(())
}

#[audit_event(
    event_type = AuditEventType::DataCreated,
    action = "open",
    resource_type = "account",
    resource_id_field = "id",
    data(secret)
)]
async fn open(tx: &mut impl OutboxTransaction, id: &str, work: String, secret: &str) -> Result<(), Failure> {
    let _ = (id, secret);
    perform(tx, work).await
}

#[audit_event(
    event_type = AuditEventType::DataCreated,
    action = "open",
    resource_type = "account",
    resource_id_field = "id",
    data(secret),
    on = "failure"
)]
#[domain_event(aggregate_type = "account", event_type = "opened", aggregate_id_field = "id", data(secret), on = "both")]
async fn refuse(tx: &mut impl OutboxTransaction, id: &str, work: String, secret: &str) -> Result<(), Failure> {
    let _ = (id, secret);
    perform(tx, work).await?;
    Err(Failure::Refused)
}

fn say(begin: Instant, answer: &Result<(), Failure>) {
    let (kind, text) = match answer {
        Ok(()) => ("ok", String::new()),
        Err(Failure::Refused) => ("own", Failure::Refused.to_string()),
        Err(Failure::Database(error)) => ("database", error.to_string()),
        Err(Failure::Event(error)) => ("event", format!("{error:?}")),
    };
    println!("{}", json!({"kind": kind, "text": text, "milliseconds": begin.elapsed().as_millis()}));
}

/// Waits, with the caller's transaction open, until the test has seen enough.
fn hold() -> std::io::Result<()> {
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

macro_rules! in_transaction {
    ($method:ident, $database:ty) => {{
        let options = PoolOptions::<$database>::new().max_connections(1);
        let pool = options.connect(&std::env::var("CALLING_SERVICE_DATABASE")?).await?;
        let mut tx = pool.begin().await?;
        let work = std::env::var("CALLING_SERVICE_WORK")?;
        let id = std::env::var("CALLING_SERVICE_ID")?;
        let begin = Instant::now();
        let answer = $method(&mut tx, &id, work, SECRET).await;
        say(begin, &answer);
        hold()?;
        match answer {
            Ok(()) => tx.commit().await?,
            Err(_) => tx.rollback().await?,
        }
    }};
}

macro_rules! without_transaction {
    ($method:ident) => {{
        let id = std::env::var("CALLING_SERVICE_ID")?;
        let begin = Instant::now();
        let answer = $method(&id, SECRET).await;
        say(begin, &answer);
        hold()?;
    }};
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let levels = tracing_subscriber::EnvFilter::new("trace");
    tracing_subscriber::fmt().with_env_filter(levels).with_ansi(false).with_writer(std::io::stderr).init();
    let counters = Counters::install();
    let events = marty_events::init().await?;
    match std::env::var("CALLING_SERVICE_METHOD")?.as_str() {
        "export" => without_transaction!(export),
        "export_strictly" => without_transaction!(export_strictly),
        "open" => in_transaction!(open, Postgres),
        "refuse" => in_transaction!(refuse, Postgres),
        "refuse_in_sqlite" => in_transaction!(refuse, Sqlite),
        other => return Err(format!("no method `{other}`").into()),
    }
    events.shutdown().await?;
    println!("{}", json!(counters.counts()));
    Ok(())
}

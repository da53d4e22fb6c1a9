//! Records of failures: the caller's answer, the outbox and Kafka, in each state of the caller's transaction. The method has two records,
//! `on = "failure"` and `on = "both"`.

use std::time::Duration;

use marty_events::{OutboxRelay, OutboxRepository};
use marty_events_tests::{kafka::Record, wait};
use sqlx::SqlitePool;
use tokio::process::Command;

use crate::support::calling_service::{Caller, Fixture};

const LOST: &str = "an event is lost";

/// The method's own error, although its transaction is held.
async fn refused(command: &mut Command) -> Caller {
    let caller = Caller::start(command).await;
    assert_eq!((caller.answer.kind.as_str(), caller.answer.text.as_str()), ("own", "the account is refused"));
    caller
}

fn assert_outcomes(records: &[Record]) {
    let payloads: Vec<_> = records.iter().map(|record| &record.value["payload"]).collect();
    assert_eq!(payloads.len(), 2, "{records:?}");
    assert_eq!((&payloads[0]["outcome"], &payloads[1]["event_type"]), (&"failure".into(), &"opened_failed".into()));
    assert_eq!(payloads[0]["error_message"], "the account is refused");
    assert_eq!(payloads[1]["event_data"]["outcome"], "failure");
}

#[tokio::test]
async fn a_failure_record_is_in_kafka_while_the_caller_holds_its_one_connection_and_survives_the_rollback() {
    let test = "a_failure_record_is_in_kafka_while_the_caller_holds_its_one_connection_and_survives_the_rollback";
    let Some(fixture) = Fixture::new(test).await else { return };
    let caller = refused(&mut fixture.keeping_caller("refuse")).await;
    assert_outcomes(&fixture.read(2).await);
    let end = caller.end().await;
    end.assert_counted("direct", "accepted", 2);
    end.assert_errors("", 0);
    assert_eq!((fixture.accounts().await, fixture.kept().await.len(), fixture.delivered().await), (0, 0, 2));
}

#[tokio::test]
async fn a_failure_record_that_the_broker_refuses_is_kept_while_the_caller_holds_its_one_connection() {
    let test = "a_failure_record_that_the_broker_refuses_is_kept_while_the_caller_holds_its_one_connection";
    let Some(fixture) = Fixture::refusing(test).await else { return };
    let caller = refused(&mut fixture.keeping_caller("refuse")).await;
    let kept = wait::until("two records in the outbox", || async {
        let kept = fixture.kept().await;
        (kept.len() == 2).then_some(kept)
    })
    .await;
    let end = caller.end().await;
    end.assert_counted("direct", "kept", 2);
    end.assert_errors("", 0);
    assert_eq!((fixture.accounts().await, fixture.kept().await, fixture.delivered().await), (0, kept.clone(), 0));
    fixture.relent().await;
    fixture.relay(&kept).await;
    assert_outcomes(&fixture.read(2).await);
}

#[tokio::test]
async fn a_failure_record_that_nothing_takes_is_logged_and_counted() {
    let Some(fixture) = Fixture::refusing("a_failure_record_that_nothing_takes_is_logged_and_counted").await else {
        return;
    };
    let end = refused(&mut fixture.caller("refuse")).await.end().await;
    end.assert_counted("direct", "failed", 2);
    end.assert_errors(LOST, 2);
    assert_eq!((fixture.accounts().await, fixture.kept().await, fixture.delivered().await), (0, Vec::new(), 0));
}

#[tokio::test]
async fn a_failure_record_that_no_outbox_can_keep_is_logged_and_counted() {
    let test = "a_failure_record_that_no_outbox_can_keep_is_logged_and_counted";
    let Some(fixture) = Fixture::refusing(test).await else { return };
    let mut command = fixture.keeping_caller("refuse");
    let end = refused(command.env("EVENT_OUTBOX_TABLE", "not_migrated")).await.end().await;
    end.assert_counted("direct", "failed", 2);
    end.assert_error(LOST);
    assert_eq!((fixture.accounts().await, fixture.kept().await, fixture.delivered().await), (0, Vec::new(), 0));
}

#[tokio::test]
async fn a_failure_record_that_is_wrong_in_itself_is_logged_and_counted() {
    let test = "a_failure_record_that_is_wrong_in_itself_is_logged_and_counted";
    let Some(fixture) = Fixture::new(test).await else { return };
    let end = refused(fixture.keeping_caller("refuse").env("CALLING_SERVICE_ID", "")).await.end().await;
    end.assert_errors("a failure was not recorded", 2);
    end.assert_counted("direct", "failed", 2);
    assert_eq!((fixture.accounts().await, fixture.kept().await, fixture.delivered().await), (0, Vec::new(), 0));
}

/// A database whose one writer the caller is.
struct OneWriter {
    _folder: tempfile::TempDir,
    url: String,
    pool: SqlitePool,
    outbox: OutboxRepository,
}

impl OneWriter {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}", folder.path().join("db").display());
        let pool = SqlitePool::connect(&format!("{url}?mode=rwc")).await.expect("a connection");
        sqlx::raw_sql("CREATE TABLE accounts (id text PRIMARY KEY)").execute(&pool).await.expect("a table");
        marty_events::outbox::migrate(&pool).await.expect("the outbox");
        let outbox = OutboxRepository::new(&pool);
        Self { _folder: folder, url, pool, outbox }
    }

    fn caller(&self, fixture: &Fixture) -> Command {
        let mut command = fixture.caller("refuse_in_sqlite");
        command.env("CALLING_SERVICE_DATABASE", &self.url).env("DATABASE_URL", &self.url);
        command
    }

    async fn accounts(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&self.pool).await.expect("the accounts")
    }

    /// Asserts that the caller is the writer at this moment.
    async fn assert_held(&self) {
        let options = (*self.pool.connect_options()).clone().busy_timeout(Duration::ZERO);
        let other = SqlitePool::connect_with(options).await.expect("a connection");
        let refused = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&other).await.expect_err("one writer");
        assert!(refused.to_string().contains("locked"), "{refused}");
    }
}

#[tokio::test]
async fn a_failure_record_is_in_kafka_while_the_caller_is_the_one_writer() {
    let test = "a_failure_record_is_in_kafka_while_the_caller_is_the_one_writer";
    let Some(fixture) = Fixture::new(test).await else { return };
    let database = OneWriter::new().await;
    let caller = refused(&mut database.caller(&fixture)).await;
    assert_outcomes(&fixture.read(2).await);
    database.assert_held().await;
    caller.end().await.assert_counted("direct", "accepted", 2);
    assert_eq!((database.accounts().await, database.outbox.pending(9).await.unwrap()), (0, Vec::new()));
    assert_eq!(fixture.delivered().await, 2);
}

#[tokio::test]
async fn a_failure_record_that_the_broker_refuses_is_kept_once_the_one_writer_has_rolled_back() {
    let test = "a_failure_record_that_the_broker_refuses_is_kept_once_the_one_writer_has_rolled_back";
    let Some(fixture) = Fixture::refusing(test).await else { return };
    let database = OneWriter::new().await;
    let caller = refused(&mut database.caller(&fixture)).await;
    database.assert_held().await;
    assert_eq!(database.outbox.pending(9).await.unwrap(), []);
    caller.end().await.assert_counted("direct", "kept", 2);
    let kept = database.outbox.pending(9).await.unwrap();
    assert_eq!((database.accounts().await, kept.len(), fixture.delivered().await), (0, 2, 0));
    fixture.relent().await;
    fixture.relay_from(&database.outbox, OutboxRelay::builder(&database.pool), &kept).await;
    assert_outcomes(&fixture.read(2).await);
}

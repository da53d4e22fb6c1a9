//! Events that were not taken, by failure policy: the caller's answer, the outbox and Kafka.

use tokio::process::Command;

use crate::support::calling_service::{Caller, Fixture};

const NOT_PUBLISHED: &str = "an event was not published";
const NOT_KEPT: &str = "the outbox could not keep a direct event either";

/// The caller gets `Ok`, the event is kept, and it is delivered once when the broker takes it.
async fn assert_kept(fixture: &Fixture, command: &mut Command, relents: impl AsyncFnOnce()) {
    let caller = Caller::start(command).await;
    assert_eq!(caller.answer.kind, "ok", "{:?}", caller.answer);
    let kept = fixture.kept().await;
    assert_eq!(kept.iter().map(|event| event.key.as_deref()).collect::<Vec<_>>(), [Some("account-1")]);
    let end = caller.end().await;
    end.assert_counted("direct", "kept", 1);
    end.assert_errors("", 0);
    assert_eq!(fixture.delivered().await, 0);
    relents().await;
    fixture.relay(&kept).await;
    assert_eq!(fixture.delivered().await, 1);
}

/// Nothing is kept, and nothing reached Kafka.
async fn assert_nowhere(fixture: &Fixture) {
    assert_eq!(fixture.delivered().await, 0);
    assert_eq!(fixture.kept().await, []);
}

/// The method fails with the broker's refusal, and the event is nowhere.
async fn assert_fails(fixture: &Fixture, command: &mut Command) {
    let caller = Caller::start(command).await;
    assert_eq!(caller.answer.kind, "event", "{:?}", caller.answer);
    for said in [" bytes, and the topic `", " takes 100;"] {
        assert!(caller.answer.text.contains(said), "{:?}", caller.answer);
    }
    caller.end().await.assert_counted("direct", "failed", 1);
    assert_eq!(fixture.delivered().await, 0);
}

#[tokio::test]
async fn log_keeps_in_the_outbox_what_the_broker_refuses() {
    let Some(fixture) = Fixture::refusing("log_keeps_in_the_outbox_what_the_broker_refuses").await else { return };
    assert_kept(&fixture, &mut fixture.keeping_caller("export"), async || fixture.relent().await).await;
}

#[tokio::test]
async fn log_keeps_in_the_outbox_what_has_no_topic() {
    let Some(fixture) = Fixture::new("log_keeps_in_the_outbox_what_has_no_topic").await else { return };
    let mut caller = fixture.keeping_caller("export");
    caller.env("KAFKA_PRODUCER_ALLOW_AUTO_CREATE_TOPICS", "false").env("KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS", "1000");
    // The relay may make it.
    assert_kept(&fixture, &mut caller, async || {}).await;
}

#[tokio::test]
async fn log_keeps_in_the_outbox_what_no_broker_answers_for() {
    let Some(fixture) = Fixture::new("log_keeps_in_the_outbox_what_no_broker_answers_for").await else { return };
    let mut caller = fixture.keeping_caller("export");
    caller.env("KAFKA_BROKERS", "127.0.0.1:1").env("KAFKA_PRODUCER_MESSAGE_TIMEOUT_MS", "500");
    assert_kept(&fixture, &mut caller, async || {}).await;
}

#[tokio::test]
async fn fail_keeps_in_the_outbox_too_and_does_not_fail() {
    let Some(fixture) = Fixture::refusing("fail_keeps_in_the_outbox_too_and_does_not_fail").await else { return };
    assert_kept(&fixture, &mut fixture.keeping_caller("export_strictly"), async || fixture.relent().await).await;
}

#[tokio::test]
async fn log_without_an_outbox_logs_and_counts() {
    let Some(fixture) = Fixture::refusing("log_without_an_outbox_logs_and_counts").await else { return };
    let caller = Caller::start(&mut fixture.caller("export")).await;
    assert_eq!(caller.answer.kind, "ok", "{:?}", caller.answer);
    let end = caller.end().await;
    end.assert_counted("direct", "failed", 1);
    end.assert_errors(NOT_PUBLISHED, 1);
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn log_logs_and_counts_an_event_that_is_wrong_in_itself() {
    let Some(fixture) = Fixture::new("log_logs_and_counts_an_event_that_is_wrong_in_itself").await else { return };
    let caller = Caller::start(fixture.keeping_caller("export").env("CALLING_SERVICE_ID", "")).await;
    assert_eq!(caller.answer.kind, "ok", "{:?}", caller.answer);
    let end = caller.end().await;
    end.assert_errors(NOT_PUBLISHED, 1);
    end.assert_counted("direct", "failed", 1);
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn fail_without_an_outbox_fails_the_method() {
    let Some(fixture) = Fixture::refusing("fail_without_an_outbox_fails_the_method").await else { return };
    assert_fails(&fixture, &mut fixture.caller("export_strictly")).await;
    assert_nowhere(&fixture).await;
}

/// An outbox that refuses in its turn leaves the policy as it is without one.
async fn assert_policies_without_fallback(fixture: &Fixture, url: &str, environment: &[(&str, &str)]) {
    let command = |method| {
        let mut command = fixture.caller(method);
        command.env("DATABASE_URL", url).envs(environment.iter().copied());
        command
    };
    assert_fails(fixture, &mut command("export_strictly")).await;
    let caller = Caller::start(&mut command("export")).await;
    assert_eq!(caller.answer.kind, "ok", "{:?}", caller.answer);
    let end = caller.end().await;
    end.assert_counted("direct", "failed", 1);
    end.assert_error(NOT_KEPT);
    end.assert_error(NOT_PUBLISHED);
    assert_eq!(fixture.delivered().await, 0);
}

#[tokio::test]
async fn an_outbox_without_a_table_leaves_the_policy() {
    let Some(fixture) = Fixture::refusing("an_outbox_without_a_table_leaves_the_policy").await else { return };
    let environment = [("EVENT_OUTBOX_TABLE", "not_migrated")];
    assert_policies_without_fallback(&fixture, &fixture.database.url, &environment).await;
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn a_read_only_outbox_leaves_the_policy() {
    let Some(fixture) = Fixture::refusing("a_read_only_outbox_leaves_the_policy").await else { return };
    let url = format!("{}?options=-c%20default_transaction_read_only%3Don", fixture.database.url);
    assert_policies_without_fallback(&fixture, &url, &[]).await;
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn an_outbox_that_does_not_answer_leaves_the_policy() {
    let Some(fixture) = Fixture::refusing("an_outbox_that_does_not_answer_leaves_the_policy").await else { return };
    assert_policies_without_fallback(&fixture, "postgres://nobody@127.0.0.1:1/nothing", &[]).await;
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn a_locked_outbox_leaves_the_policy() {
    let Some(fixture) = Fixture::refusing("a_locked_outbox_leaves_the_policy").await else { return };
    let mut locking = fixture.database.pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE event_outbox").execute(&mut *locking).await.unwrap();
    assert_policies_without_fallback(&fixture, &fixture.database.url, &[]).await;
    locking.rollback().await.unwrap();
    assert_nowhere(&fixture).await;
}

/// Asserts that a refused event fails the method and its transaction. The body does `work` first, and the error says `expected`.
async fn assert_rolled_back(fixture: &Fixture, work: &str, environment: &[(&str, &str)], expected: &str) {
    let mut command = fixture.keeping_caller("open");
    command.env("CALLING_SERVICE_WORK", format!("INSERT INTO accounts VALUES ('account-1'); {work}"));
    let caller = Caller::start(command.envs(environment.iter().copied())).await;
    assert_eq!(caller.answer.kind, "event", "{:?}", caller.answer);
    assert!(caller.answer.text.contains(expected), "{:?}", caller.answer);
    caller.end().await.assert_counted("outbox", "failed", 1);
    assert_eq!(fixture.accounts().await, 0);
    assert_eq!(fixture.delivered().await, 0);
}

#[tokio::test]
async fn an_event_without_a_table_fails_the_method_and_the_transaction() {
    let test = "an_event_without_a_table_fails_the_method_and_the_transaction";
    let Some(fixture) = Fixture::new(test).await else { return };
    assert_rolled_back(
        &fixture,
        "",
        &[("EVENT_OUTBOX_TABLE", "not_migrated")],
        "does not exist, or is of an earlier version",
    )
    .await;
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn an_event_in_a_read_only_transaction_fails_the_method_and_the_transaction() {
    let test = "an_event_in_a_read_only_transaction_fails_the_method_and_the_transaction";
    let Some(fixture) = Fixture::new(test).await else { return };
    assert_rolled_back(&fixture, "SET TRANSACTION READ ONLY", &[], "read-only transaction").await;
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn an_event_that_a_constraint_refuses_fails_the_method_and_the_transaction() {
    let test = "an_event_that_a_constraint_refuses_fails_the_method_and_the_transaction";
    let Some(fixture) = Fixture::new(test).await else { return };
    let constraint = "ALTER TABLE event_outbox ADD CONSTRAINT closed CHECK (record_key <> 'account-1')";
    sqlx::raw_sql(constraint).execute(&fixture.database.pool).await.unwrap();
    assert_rolled_back(&fixture, "", &[], "closed").await;
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn an_event_that_a_trigger_refuses_fails_the_method_and_the_transaction() {
    let test = "an_event_that_a_trigger_refuses_fails_the_method_and_the_transaction";
    let Some(fixture) = Fixture::new(test).await else { return };
    let trigger = "
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'audited elsewhere'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON event_outbox FOR EACH ROW EXECUTE FUNCTION refuse()";
    sqlx::raw_sql(trigger).execute(&fixture.database.pool).await.unwrap();
    assert_rolled_back(&fixture, "", &[], "audited elsewhere").await;
    assert_nowhere(&fixture).await;
}

#[tokio::test]
async fn an_event_that_the_database_takes_is_committed_with_the_work_and_not_sent_before() {
    let test = "an_event_that_the_database_takes_is_committed_with_the_work_and_not_sent_before";
    let Some(fixture) = Fixture::new(test).await else { return };
    let caller = Caller::start(&mut fixture.keeping_caller("open")).await;
    assert_eq!(caller.answer.kind, "ok", "{:?}", caller.answer);
    assert_nowhere(&fixture).await;
    let end = caller.end().await;
    end.assert_counted("outbox", "accepted", 1);
    end.assert_errors("", 0);
    assert_eq!((fixture.accounts().await, fixture.kept().await.len(), fixture.delivered().await), (1, 1, 0));
}

#[tokio::test]
async fn with_the_outbox_switched_off_a_refusal_fails_the_method_and_the_transaction() {
    let test = "with_the_outbox_switched_off_a_refusal_fails_the_method_and_the_transaction";
    let Some(fixture) = Fixture::refusing(test).await else { return };
    let mut command = fixture.caller("open");
    let caller = Caller::start(command.env("USE_OUTBOX_PATTERN", "false").env("EVENT_ALLOW_DUAL_WRITE", "true")).await;
    assert_eq!(caller.answer.kind, "event", "{:?}", caller.answer);
    caller.end().await.assert_counted("direct", "failed", 1);
    assert_eq!(fixture.accounts().await, 0);
    assert_nowhere(&fixture).await;
}

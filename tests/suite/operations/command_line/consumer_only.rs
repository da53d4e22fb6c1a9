//! The database of a service that handles events and has no outbox.

use marty_events_tests::{effects::Effects, wait};
use serde_json::json;

use super::groups::operator;
use crate::support::{
    handling::{RunningConsumer, Topic},
    operator::{assert_check, check, read, steady},
};

const DROP: &str = "
    DO $$ DECLARE made text; BEGIN
        FOR made IN SELECT tablename FROM pg_tables WHERE tablename LIKE 'event\\_%' LOOP EXECUTE format('DROP TABLE %I CASCADE', made); END LOOP;
    END $$";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_an_inbox_alone_is_made_looked_at_and_checked() {
    let test = "a_database_with_an_inbox_alone_is_made_looked_at_and_checked";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let operator = operator(&topic);
    topic.database.run(DROP).await;
    let refused = operator.run(&["status", "--group", &topic.group()]);
    assert!(refused.code == 1 && refused.complaint.contains("marty-events migrate --inbox"), "{refused:?}");
    let refused = operator.run(&["status"]);
    assert!(refused.code == 1 && refused.complaint.contains("the outbox table"), "{refused:?}");
    assert_check(&operator.run(&["doctor", "--json"]), "tables", "failed", "does not exist", "marty-events migrate");

    assert_eq!(operator.text(&["migrate", "--inbox"]), "the inbox `event_inbox` is up to date\n");
    assert_eq!(operator.json(&["migrate", "--inbox"]), [json!({"table": "event_inbox", "migrated": true})]);
    assert_eq!(steady(&operator.text(&["status"])), "outbox none\n");
    let failing = Effects::new("one", |entry, _| {
        let fails = entry.number == 1;
        Box::pin(async move { if fails { Err("the account is closed".into()) } else { Ok(()) } })
    });
    let consumer = RunningConsumer::start(topic.consumer(failing).attempts(1));
    topic.publish(&["k-0"], 0..3).await;
    wait::until("the dead letter", || async { (topic.parked("dead").await == 1).then_some(()) }).await;
    topic.until_effects(2).await;

    let status = steady(&operator.text(&["status"]));
    assert_eq!(status, "outbox none\n\nGROUP KEYS WAITING DEAD OLDEST\n[prefix]-handlers 0 0 1 -\n");
    let status = operator.json(&["status"]).remove(0);
    assert_eq!((&status["pending"], &status["relays"]), (&json!(null), &json!([])));
    assert_eq!((&status["groups"][0]["dead_letters"], &status["unowned_lanes"]), (&json!(1), &json!([])));
    let report = operator.run(&["doctor", "--json"]);
    assert_eq!(report.code, 0, "{report:?}");
    assert_check(&report, "tables", "ok", "an inbox and no outbox", "");
    for skipped in ["privileges", "relay", "lanes", "backlog", "dead-letters"] {
        assert_check(&report, skipped, "skipped", "the database has no outbox", "");
    }
    assert_check(&report, "inbox", "ok", &topic.group(), "");
    assert_eq!(check(&report, "group-members")["state"], "ok");
    consumer.stop().await;

    // An outbox that somebody names is expected to be there.
    let named = operator.run(&["status", "--table", "event_outbox", "--json"]);
    assert!(named.code == 1 && named.complaint.contains("`event_outbox` does not exist"), "{named:?}");
    let named = operator.run(&["doctor", "--table", "event_outbox", "--json"]);
    assert_check(&named, "tables", "failed", "does not exist", "marty-events migrate");

    let both = operator.json(&["migrate", "--outbox", "--inbox-table", "other_inbox"]);
    assert_eq!(both, ["event_outbox", "other_inbox"].map(|table| json!({"table": table, "migrated": true})));
    assert_eq!(read(&operator.run(&["status", "--json"]).text)["pending"], 0);
}

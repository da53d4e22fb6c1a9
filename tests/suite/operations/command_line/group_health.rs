//! Groups of consumers in `status` and `doctor`.

use std::time::Duration;

use marty_events_tests::{effects::Effects, wait};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use serde_json::json;

use super::groups::operator;
use crate::support::{
    handling::{RunningConsumer, Topic},
    operator::{Answer, assert_check, read, steady},
};

/// Fails for ever at the number 1 of `k-0`.
fn failing() -> Effects {
    Effects::new("one", |entry, _| {
        let fails = entry.key == "k-0" && entry.number == 1;
        Box::pin(async move { if fails { Err("the account is closed".into()) } else { Ok(()) } })
    })
}

/// A group that has handled all but a key that waits with two events, and that nobody is in.
async fn handled(topic: &Topic) {
    topic.publish(&["k-0", "k-1"], 0..3).await;
    let consumer = topic.consumer(failing()).attempts(1_000).retry_delay(Duration::from_mins(5));
    let consumer = RunningConsumer::start(consumer.longest_retry_delay(Duration::from_mins(5)));
    topic.until_effects(4).await;
    wait::until("the key to wait", || async { (topic.parked("waiting").await == 2).then_some(()) }).await;
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_of_a_group_has_its_keys_that_wait_and_its_lag() {
    let test = "the_status_of_a_group_has_its_keys_that_wait_and_its_lag";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let (operator, group) = (operator(&topic), topic.group());
    assert_eq!(operator.json(&["status"]).remove(0)["groups"], json!([]));
    handled(&topic).await;
    topic.publish(&["k-1"], 3..6).await;

    let whole = operator.json(&["status"]).remove(0);
    let found = &whole["groups"][0];
    assert_eq!((&found["group"], &found["parked"], &found["parked_keys"]), (&json!(group), &json!(2), &json!(1)));
    let whole = steady(&operator.text(&["status"]));
    let expected = "GROUP KEYS WAITING DEAD OLDEST\n[prefix]-handlers 1 2 0 [time]\n";
    assert!(whole.ends_with(expected), "{whole}");

    insta::assert_snapshot!(steady(&operator.text(&["status", "--group", &group])), @r"
    group [prefix]-handlers
    keys 1
    waiting 2
    oldest [time]
    dead 0
    members 0
    lag 3

    KEY TOPIC WAITING SINCE ATTEMPTS NEXT TRY REASON
    k-0 [prefix].entries 2 [time] 1 [time] the account is closed

    TOPIC PARTITION COMMITTED END LAG
    [prefix].entries 0 6 9 3
    ");
    let partition = json!({
        "topic": format!("{}.entries", topic.prefix), "partition": 0, "committed": 6, "first": 0, "end": 9, "lag": 3,
    });
    let told = operator.json(&["status", "--group", &group]).remove(0);
    assert_eq!((&told["members"], &told["partitions"]), (&json!(0), &json!([partition])));
    let of_database = crate::support::operator::Operator::new([("DATABASE_URL", topic.database.url.clone())]);
    let told = of_database.json(&["status", "--group", &group]).remove(0);
    assert_eq!((&told["parked"], &told["lag"], &told["partitions"]), (&json!(2), &json!(null), &json!(null)));
    let away = of_database.with("KAFKA_BROKERS", "127.0.0.1:1").run(&["status", "--group", &group, "--json"]);
    assert_eq!((away.code, &read(&away.text)["parked"]), (1, &json!(2)), "{away:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_checked_for_its_inbox_its_offsets_and_its_members() {
    let test = "a_group_is_checked_for_its_inbox_its_offsets_and_its_members";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let (operator, group) = (operator(&topic), topic.group());
    let doctor = |more: &[&str]| operator.run(&[&["doctor", "--json"], more].concat());
    let has = |report: &Answer, name: &str| report.text.contains(&format!("\"name\":\"{name}\""));
    let report = doctor(&[]);
    assert_check(&report, "inbox", "ok", "no group has handled an event", "");
    assert_check(&report, "group-members", "skipped", "", "");
    let report = doctor(&["--group", &group]);
    assert_check(&report, "inbox", "warning", "does not know the group", "check the group's name");
    assert_check(&report, "group-offsets", "warning", "no offsets at these brokers", "KAFKA_BROKERS");

    handled(&topic).await;
    let report = doctor(&[]);
    assert_check(&report, "inbox", "ok", &format!("groups: {group}"), "");
    assert_check(&report, "inbox-retention", "ok", "keeps records for ", "");
    assert_check(&report, "group-offsets", "ok", "no topic has deleted", "");
    assert_check(&report, "group-members", "ok", "no member; 0 records wait", "");
    let report = doctor(&["--inbox-retention", "1h"]);
    assert_check(&report, "inbox-retention", "warning", "the inbox remembers for 1 h", "set inbox_retention to ");
    let report = doctor(&["--inbox-retention", "30d"]);
    assert_check(&report, "inbox-retention", "ok", "the inbox remembers for 30 d", "");

    topic.publish(&["k-1"], 3..6).await;
    let report = doctor(&[]);
    assert_check(&report, "group-members", "failed", "no member; 3 records wait", "start the consumers");
    let consumer = RunningConsumer::start(topic.consumer(failing()).attempts(1_000));
    topic.until_effects(7).await;
    assert_check(&doctor(&[]), "group-members", "ok", "members: 1; ", "");
    consumer.stop().await;

    topic.publish(&["k-1"], 6..9).await;
    delete_before(&topic, 11).await;
    let report = doctor(&[]);
    let found = "begins at 11 now, and 2 records before were never handled";
    assert_check(&report, "group-offsets", "failed", found, "retention.ms");

    let missing = doctor(&["--inbox-table", "other_inbox"]);
    assert_check(&missing, "inbox", "failed", "does not exist", "name the table by --inbox-table");
    sqlx::query("DROP TABLE event_inbox_parked").execute(&topic.database.pool).await.unwrap();
    let without = doctor(&[]);
    assert!(!has(&without, "inbox") && !has(&without, "group-members"), "{without:?}");
}

/// Deletes the records before an offset, as the broker does with old ones.
async fn delete_before(topic: &Topic, offset: i64) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &topic.brokers).create().expect("a client");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&format!("{}.entries", topic.prefix), 0, Offset::Offset(offset)).expect("an offset");
    admin.delete_records(&offsets, &AdminOptions::new()).await.expect("the records are deleted");
}

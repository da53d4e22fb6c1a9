//! Groups of consumers: their dead letters, and the events that they have not handled yet.

use std::time::Duration;

use marty_events::{GiveUp, GroupProtocol};
use marty_events_tests::{effects::Effects, wait};
use serde_json::json;

use crate::support::{
    handling::{RunningConsumer, Topic},
    operator::{Operator, read, steady},
};

/// Someone at a shell with the database and the broker of a topic.
pub(super) fn operator(topic: &Topic) -> Operator {
    Operator::new([
        ("DATABASE_URL", topic.database.url.clone()),
        ("KAFKA_BROKERS", topic.brokers.clone()),
        ("EVENT_TOPIC_PREFIX", topic.prefix.clone()),
    ])
}

fn quick() -> Effects {
    Effects::taking("one", Duration::ZERO)
}

/// Gives up every event with the number 1.
fn giving_up() -> Effects {
    Effects::new("one", |entry, _| {
        Box::pin(async move {
            if entry.number == 1 { Err(Box::new(GiveUp::new("there is no such account")) as _) } else { Ok(()) }
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dead_letters_of_a_group_are_listed_requeued_and_discarded() {
    let test = "the_dead_letters_of_a_group_are_listed_requeued_and_discarded";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let (operator, group) = (operator(&topic), topic.group());
    let letters = |arguments: &[&str]| operator.run(&[&["dead-letters", "--group", &group], arguments].concat());
    let consumer = RunningConsumer::start(topic.consumer(giving_up()));
    for (key, letters) in [("k-0", 1), ("k-1", 2)] {
        topic.publish(&[key], 0..3).await;
        // Letters have the order in which they were given up.
        wait::until("the dead letter", || async { (topic.parked("dead").await == letters).then_some(()) }).await;
    }
    topic.until_effects(4).await;
    consumer.stop().await;

    insta::assert_snapshot!(steady(&letters(&["list"]).text), @r"
    EVENT DIED TYPE TOPIC KEY ATTEMPTS REASON
    [id] [time] entry_posted [prefix].entries k-0 1 there is no such account
    [id] [time] entry_posted [prefix].entries k-1 1 there is no such account
    ");
    // The option may stand behind the verb too.
    let page = operator.run(&["dead-letters", "list", "--group", &group, "--limit", "1", "--json"]);
    let first = read(&page.text);
    assert_eq!((&first["key"], &first["offset"], &first["is_held"]), (&json!("k-0"), &json!(1), &json!(false)));
    let first = first["event_id"].as_str().expect("an id").to_owned();
    let rest = letters(&["list", "--after", &first, "--json"]);
    assert_eq!(read(&rest.text)["key"], "k-1");
    let nobody = operator.run(&["dead-letters", "--group", "nobody", "list"]);
    assert_eq!((nobody.code, nobody.complaint.as_str()), (0, "no dead letters\n"));

    insta::assert_snapshot!(steady(&letters(&["show", &first]).text), @r"
    event [id]
    group [prefix]-handlers
    type entry_posted
    topic [prefix].entries, partition 0, offset 1
    key k-0, which has gone on
    parked [time]
    died [time], after 1 attempts
    reason there is no such account
    payload [size]
    ");
    let whole = read(&letters(&["show", &first, "--payload", "--json"]).text);
    assert_eq!(whole["payload"]["payload"]["number"], 1);
    assert_eq!(whole["headers"][0], json!(["ce_specversion", "1.0"]));

    for wrong in [&["list", "--type", "entry_posted"][..], &["redact", &first]] {
        let refused = letters(wrong);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.complaint.contains("the letters of a group are not "), "{refused:?}");
    }
    let requeued = letters(&["requeue", &first, "no-such-id"]);
    assert_eq!((requeued.code, requeued.text.as_str()), (1, "requeued 1 of 2\n"));
    assert!(requeued.complaint.contains("no-such-id: there is no dead letter with this id"), "{requeued:?}");
    assert_eq!(topic.parked("waiting").await, 1);
    let refused = letters(&["discard", "--all"]);
    assert!(refused.code == 4 && refused.complaint.contains("Delete 1 dead letters for good?"), "{refused:?}");
    let discarded = letters(&["discard", "--topic", &format!("{}.entries", topic.prefix), "--yes", "--json"]);
    assert_eq!(read(&discarded.text), json!({"discarded": 1, "selected": 1, "interrupted": false, "left": []}));

    let missing = operator.run(&["dead-letters", "--group", &group, "--inbox-table", "other_inbox", "list"]);
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.complaint.contains("name it by --inbox-table"), "{}", missing.complaint);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_that_a_group_has_not_handled_are_followed() {
    let test = "the_events_that_a_group_has_not_handled_are_followed";
    let Some(topic) = Topic::start(test, 2).await else { return };
    let (operator, group) = (operator(&topic), topic.group());
    let tail = |arguments: &[&str]| operator.run(&[&["tail", "--group", &group, "--json"], arguments].concat());
    let none = tail(&["--no-follow"]);
    assert_eq!(none.code, 1);
    assert!(read(&none.complaint)["advice"].as_str().is_some_and(|advice| advice.contains("name its topics")));
    topic.publish(&["k-0", "k-1", "k-2"], 0..2).await;
    let name = format!("{}.entries", topic.prefix);
    assert_eq!(tail(&[&name, "--no-follow"]).text.lines().count(), 6, "a group without offsets has handled nothing");

    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(6).await;
    consumer.stop().await;
    assert_eq!(tail(&["--no-follow"]).text, "", "nothing waits");
    topic.publish(&["k-0"], 2..4).await;
    let seen = tail(&["--no-follow"]).text;
    assert_eq!(seen.lines().map(|line| read(line)["key"].clone()).collect::<Vec<_>>(), ["k-0", "k-0"]);
    assert_eq!(tail(&["--limit", "1"]).text.lines().count(), 1, "it has moved no offset");
    assert_eq!(tail(&["--from", "end"]).code, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_reads_again_and_handles_again_what_its_inbox_forgets() {
    let test = "a_group_reads_again_and_handles_again_what_its_inbox_forgets";
    let Some(topic) = Topic::start(test, 1).await else { return };
    let (operator, group, name) = (operator(&topic), topic.group(), format!("{}.entries", topic.prefix));
    let replay =
        |arguments: &[&str]| operator.run(&[&["replay", "--group", &group, "--topic", &name], arguments].concat());
    let unknown = replay(&["--from", "beginning"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.complaint.contains("the inbox does not know the group"), "{unknown:?}");
    topic.publish(&["k-0"], 0..10).await;
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(10).await;
    let busy = replay(&["--from", "beginning", "--yes"]);
    assert_eq!(busy.code, 1);
    assert!(busy.complaint.contains("has members: ") && busy.complaint.contains("stop every consumer"), "{busy:?}");
    consumer.stop().await;

    insta::assert_snapshot!(steady(&replay(&["--from", "4", "--dry-run"]).text), @r"
    PARTITION COMMITTED FROM RECORDS SKIPPED
    0 10 4 6 0

    the group would begin at these offsets, and 6 records would come again
    ");
    let again = replay(&["--from", "4", "--json"]);
    let expected = json!({
        "group": group, "topic": name, "dry_run": false, "records": 6, "skipped": 0, "forgotten": null, "interrupted": false,
        "partitions": [{"partition": 0, "committed": 10, "from": 4, "until": 10, "records": 6, "skipped": 0}],
    });
    assert_eq!((again.code, read(&again.text)), (0, expected));
    topic.publish(&["k-0"], 10..11).await;
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(11).await;
    consumer.stop().await;
    topic.assert_once_in_order(&["k-0"], 0..11).await;

    // Those that were not handled yet are not skipped unseen.
    topic.publish(&["k-0"], 11..14).await;
    let skipping = replay(&["--from", "13"]);
    assert_eq!(skipping.code, 1);
    assert!(skipping.complaint.contains("2 records would be skipped"), "{skipping:?}");
    assert!(skipping.complaint.contains("--skip 2"), "{skipping:?}");
    assert_eq!(replay(&["--from", "13", "--skip", "1"]).code, 1);
    let refused = replay(&["--from", "beginning", "--forget"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.complaint.contains("Let the inbox forget the events of 14 records"), "{refused:?}");

    // A run that was stopped after its first half has set the offsets already.
    assert_eq!(replay(&["--from", "8"]).code, 0);
    let forgotten = replay(&["--from", "8", "--forget", "--yes", "--json"]);
    assert_eq!((forgotten.code, &read(&forgotten.text)["forgotten"]), (0, &json!(3)), "{forgotten:?}");
    let consumer = RunningConsumer::start(topic.consumer(quick()));
    topic.until_effects(17).await;
    consumer.stop().await;
    let expected: Vec<i64> = (0..11).chain(8..14).collect();
    assert_eq!(topic.effects().await["k-0"], expected);

    let skipped = replay(&["--from", "2126-03-01T09:15:00Z", "--json"]);
    assert_eq!((skipped.code, &read(&skipped.text)["partitions"][0]["from"]), (0, &json!(14)), "nothing is skipped");
    let late = replay(&["--from", "beginning", "--to", "1970-01-01T00:00:00Z", "--dry-run", "--json"]);
    assert_eq!(read(&late.text)["records"], 0);
    for (wrong, code, words) in [
        (&["--from", "yesterday"][..], 2, "2026-03-01T09:15:00Z"),
        (&["--from", "0", "--partition", "7"], 1, "has no partition 7"),
    ] {
        let answer = replay(wrong);
        assert!(answer.code == code && answer.complaint.contains(words), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_the_newer_protocol_is_not_reset_while_it_runs() {
    let test = "a_group_of_the_newer_protocol_is_not_reset_while_it_runs";
    let Some(topic) = Topic::start(test, 2).await else { return };
    let (operator, group, name) = (operator(&topic), topic.group(), format!("{}.entries", topic.prefix));
    let replay = ["replay", "--group", &group, "--topic", &name, "--from", "beginning"];
    topic.publish(&["k-0", "k-1"], 0..5).await;
    let consumer = RunningConsumer::start(topic.consumer(quick()).group_protocol(GroupProtocol::Consumer));
    topic.until_effects(10).await;
    let forget = operator.run(&[&replay[..], &["--forget", "--yes"]].concat());
    assert_eq!(forget.code, 1, "{forget:?}");
    assert!(forget.complaint.contains("has members"), "{forget:?}");
    let known: i64 =
        sqlx::query_scalar("SELECT count(*) FROM event_inbox").fetch_one(&topic.database.pool).await.unwrap();
    assert_eq!(known, 10, "nothing is forgotten");
    consumer.stop().await;
    let offset = operator.run(&["replay", "--group", &group, "--topic", &name, "--from", "1"]);
    assert!(offset.code == 2 && offset.complaint.contains("--partition"), "{offset:?}");
    assert_eq!(read(&operator.run(&[&replay[..], &["--json"]].concat()).text)["records"], 10);
    topic.publish(&["k-0"], 5..6).await;
    let consumer = RunningConsumer::start(topic.consumer(quick()).group_protocol(GroupProtocol::Consumer));
    topic.until_effects(11).await;
    consumer.stop().await;
    assert_eq!(topic.effects().await["k-0"], [0, 1, 2, 3, 4, 5]);
}

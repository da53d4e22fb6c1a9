//! `dead-letters`.

use marty_events_tests::database::TestDatabase;
use serde_json::json;

use crate::support::operator::{Operator, bury, created, read, steady, write};
use crate::support::service::config;

/// A database with three dead letters of one type and one of another.
async fn four_dead(test: &str) -> Option<(TestDatabase, Operator, Vec<uuid::Uuid>)> {
    let database = TestDatabase::create(test).await?;
    let publisher = marty_events::EventPublisher::new(&config("127.0.0.1:1", "p")).expect("a publisher");
    let moved = marty_events::DomainEvent::new("user", "u-4", "user_moved");
    let events = ["u-1", "u-2", "u-3"].map(created).into_iter().chain([moved]);
    let ids = write(&database, &publisher, events).await;
    // A broker's text may hold any character.
    bury(&database, "MessageSizeTooLarge \x1b[31m(red)").await;
    let operator = Operator::of_database(&database);
    Some((database, operator, ids))
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_and_shown_without_what_is_in_them() {
    let test = "dead_letters_are_listed_and_shown_without_what_is_in_them";
    let Some((database, operator, ids)) = four_dead(test).await else { return };
    insta::assert_snapshot!(steady(&operator.text(&["dead-letters", "list"])), @r"
    EVENT DIED TYPE TOPIC KEY ATTEMPTS REASON
    [id] [time] user_created p.suite.user.user_created u-1 5 MessageSizeTooLarge \u{1b}[31m(red)
    [id] [time] user_created p.suite.user.user_created u-2 5 MessageSizeTooLarge \u{1b}[31m(red)
    [id] [time] user_created p.suite.user.user_created u-3 5 MessageSizeTooLarge \u{1b}[31m(red)
    [id] [time] user_moved p.suite.user.user_moved u-4 5 MessageSizeTooLarge \u{1b}[31m(red)
    ");
    let page = operator.run(&["dead-letters", "list", "--limit", "2", "--json"]);
    let keys: Vec<_> = page.text.lines().map(|line| read(line)["key"].clone()).collect();
    assert_eq!(keys, ["u-1", "u-2"]);
    let second = ids[1].to_string();
    let page = operator.run(&["dead-letters", "list", "--limit", "2"]);
    assert!(page.complaint.contains(&format!("--after {second}")), "{}", page.complaint);
    let rest = operator.json(&["dead-letters", "list", "--after", &second]);
    assert_eq!(rest.iter().map(|letter| &letter["key"]).collect::<Vec<_>>(), ["u-3", "u-4"]);
    let moved = operator.json(&["dead-letters", "list", "--type", "user_moved"]);
    assert_eq!((moved.len(), &moved[0]["topic"]), (1, &json!("p.suite.user.user_moved")));
    assert_eq!(operator.json(&["dead-letters", "list", "--older-than", "1h"]), Vec::<serde_json::Value>::new());

    let first = ids[0].to_string();
    insta::assert_snapshot!(steady(&operator.text(&["dead-letters", "show", &first])), @r"
    event [id]
    type user_created
    topic p.suite.user.user_created
    key u-1
    ordering user/u-1, lane 12
    number 1
    written [time]
    died [time], after 5 attempts
    reason MessageSizeTooLarge \u{1b}[31m(red)
    payload [size]
    ");
    let shown = operator.json(&["dead-letters", "show", &first]).remove(0);
    assert_eq!(
        (&shown["event_id"], &shown["redacted"], &shown["payload"]),
        (&json!(first), &json!(false), &json!(null))
    );
    let whole = operator.json(&["dead-letters", "show", &first, "--payload"]).remove(0);
    assert_eq!(whole["payload"]["payload"]["event_data"]["email"], "hunter2@example.com");
    assert_eq!(whole["headers"][0], json!(["ce_specversion", "1.0"]));
    let shown = operator.text(&["dead-letters", "show", &first, "--payload"]);
    assert!(shown.contains("header     ce_type: user_created\n") && shown.contains("hunter2"), "{shown}");
    let own_order = br#"{"z": 12345678901234567890.10, "payload": {"b": [], "a": null}}"#;
    sqlx::query("UPDATE event_outbox_dead_letters SET payload = $1, headers = '[]' WHERE event_id = $2")
        .bind(&own_order[..])
        .bind(ids[0])
        .execute(&database.pool)
        .await
        .unwrap();
    let shown = operator.text(&["dead-letters", "show", &first, "--payload"]);
    insta::assert_snapshot!(shown.split_once("\n\n").expect("the payload").1, @r#"
    {
      "z": 12345678901234567890.10,
      "payload": {
        "b": [],
        "a": null
      }
    }
    "#);
    let line = operator.run(&["dead-letters", "show", &first, "--payload", "--json"]).text;
    let expected = r#""payload":{"z":12345678901234567890.10,"payload":{"b":[],"a":null}}"#;
    assert!(line.contains(expected) && line.lines().count() == 1, "{line}");
    let nobody = operator.run(&["dead-letters", "show", &uuid::Uuid::nil().to_string()]);
    assert_eq!(nobody.code, 1);
    assert!(nobody.complaint.contains("there is no dead letter with the id 00000000"), "{}", nobody.complaint);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_requeued_redacted_and_discarded() {
    let test = "dead_letters_are_requeued_redacted_and_discarded";
    let Some((database, operator, ids)) = four_dead(test).await else { return };
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let redacted = operator.json(&["dead-letters", "redact", &ids[0]]);
    assert_eq!(redacted, [json!({"redacted": 1, "selected": 1, "interrupted": false, "left": []})]);
    assert!(operator.text(&["dead-letters", "show", &ids[0]]).contains("payload    redacted\n"));
    let nobody = uuid::Uuid::nil().to_string();
    // An id that is named twice counts once.
    let requeued = operator.run(&["dead-letters", "requeue", &ids[0], &ids[1], &nobody, &ids[1]]);
    assert_eq!((requeued.code, requeued.text.as_str()), (1, "requeued 1 of 3\n"));
    insta::assert_snapshot!(requeued.complaint.replace(&ids[0], "[first]"), @r"
    error: 2 of the 3 named dead letters were not requeued
      because: [first]: it is redacted, and can only be discarded
      because: 00000000-0000-0000-0000-000000000000: there is no dead letter with this id
      what to do: see `marty-events dead-letters list`
    ");
    for verb in ["requeue", "discard", "redact"] {
        let left = operator.run(&["dead-letters", verb, &ids[1], "--json"]);
        let expected = json!([{"event_id": ids[1], "reason": "there is no dead letter with this id"}]);
        assert_eq!((left.code, &read(&left.text)["left"]), (1, &expected), "{left:?}");
        assert_eq!(read(&left.complaint)["causes"].as_array().map(Vec::len), Some(1), "{left:?}");
    }
    let rest = operator.run(&["dead-letters", "requeue", "--type", "user_created", "--older-than", "0s"]);
    assert_eq!((rest.code, rest.text.as_str()), (0, "requeued 1 of 2\n"));
    assert_eq!(rest.complaint, "the others are redacted, and can only be discarded\n");
    let requeued = operator.json(&["dead-letters", "requeue", "--type", "user_moved"]);
    assert_eq!(requeued, [json!({"requeued": 1, "selected": 1, "interrupted": false, "left": []})]);
    let status = operator.json(&["status"]).remove(0);
    assert_eq!((&status["pending"], &status["dead"]), (&json!(3), &json!(1)));
    bury(&database, "again").await;

    // Nobody can be asked here, so only the letters that were named go.
    let refused = operator.run(&["dead-letters", "discard", "--all"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.complaint.contains("Delete 4 dead letters for good?"), "{}", refused.complaint);
    let refused = operator.run(&["dead-letters", "redact", "--older-than", "0s", "--json"]);
    assert_eq!((refused.code, &read(&refused.complaint)["exit_code"]), (4, &json!(4)));
    assert_eq!(operator.text(&["dead-letters", "discard", "--older-than", "1h"]), "discarded 0 of 0\n");
    assert_eq!(operator.text(&["dead-letters", "discard", "--all", "--yes"]), "discarded 4 of 4\n");
    assert_eq!(operator.text(&["dead-letters", "list"]), "");

    let neither = operator.run(&["dead-letters", "requeue"]);
    assert_eq!(neither.code, 2, "{neither:?}");
    let both = operator.run(&["dead-letters", "requeue", "--all", &ids[0]]);
    assert_eq!(both.code, 2, "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_step_of_dead_letters_is_requeued_in_the_order_of_the_inserts() {
    let test = "more_than_one_step_of_dead_letters_is_requeued_in_the_order_of_the_inserts";
    let Some(database) = TestDatabase::create(test).await else { return };
    let publisher = marty_events::EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    let ids = write(&database, &publisher, (0..1_200).map(|_| created("one"))).await;
    bury(&database, "no room").await;
    let operator = Operator::of_database(&database);
    assert_eq!(operator.text(&["dead-letters", "requeue", "--all"]), "requeued 1200 of 1200\n");
    let outbox = marty_events::OutboxRepository::new(&database.pool);
    let pending = outbox.pending(2_000).await.unwrap();
    assert_eq!(pending.iter().map(|event| event.event_id).collect::<Vec<_>>(), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_that_cannot_be_read_are_listed_with_what_is_wrong() {
    let test = "dead_letters_that_cannot_be_read_are_listed_with_what_is_wrong";
    let Some((database, operator, ids)) = four_dead(test).await else { return };
    for (sql, id) in [
        ("UPDATE event_outbox_dead_letters SET headers = '{' WHERE event_id = $1", ids[0]),
        ("UPDATE event_outbox_dead_letters SET encoding = 9, reason = 'too large' WHERE event_id = $1", ids[1]),
    ] {
        sqlx::query(sql).bind(id).execute(&database.pool).await.unwrap();
    }
    insta::assert_snapshot!(steady(&operator.text(&["dead-letters", "list", "--limit", "3"])), @r"
    EVENT DIED TYPE TOPIC KEY ATTEMPTS REASON
    [id] [time] user_created p.suite.user.user_created u-1 5 MessageSizeTooLarge \u{1b}[31m(red); cannot be read: headers: no list of pairs of texts, at line 1 column 0
    [id] [time] user_created p.suite.user.user_created u-2 5 too large; cannot be read: encoding 9 was written by a newer version; upgrade marty-events (this one reads 1)
    [id] [time] user_created p.suite.user.user_created u-3 5 MessageSizeTooLarge \u{1b}[31m(red)
    ");
    let listed = operator.json(&["dead-letters", "list"]);
    assert_eq!(listed[1]["reason"], "too large");
    assert_eq!(
        listed[1]["problem"],
        "encoding 9 was written by a newer version; upgrade marty-events (this one reads 1)"
    );
    assert!(listed[2].get("problem").is_none(), "{}", listed[2]);
    let [first, second] = [ids[0].to_string(), ids[1].to_string()];
    let shown = operator.text(&["dead-letters", "show", &first]);
    assert!(shown.contains("problem    headers: no list"), "{shown}");
    let next = operator.json(&["dead-letters", "list", "--after", &first]);
    assert_eq!(next.len(), 3, "{next:?}");
    assert_eq!(operator.text(&["dead-letters", "requeue", &second]), "requeued 1 of 1\n");
    assert_eq!(operator.text(&["dead-letters", "discard", &first]), "discarded 1 of 1\n");
    assert_eq!(operator.json(&["dead-letters", "list"]).len(), 2);
}

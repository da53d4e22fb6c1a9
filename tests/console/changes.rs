//! Requeueing and discarding by the forms.

use marty_events::OutboxRepository;
use marty_events_tests::database::TestDatabase;

use crate::fixture::{Console, bury_one, counts};

#[tokio::test]
async fn an_event_is_requeued_after_a_question() {
    let Some(database) = TestDatabase::create("an_event_is_requeued_after_a_question").await else { return };
    let (id, other) = (bury_one(&database).await, bury_one(&database).await);
    let console = Console::closed(&database.url, &[]);
    let mut visitor = console.signed_in();
    let path = format!("/dead-letters/{id}/requeue");
    assert!(visitor.get(&format!("/dead-letters/{id}")).links(&path).contains(&path));
    let question = visitor.get(&path).body;
    assert!(question.contains("Put this event back") && question.contains(&format!("action=\"{path}\"")), "{question}");
    let answer = visitor.post(&path, &[]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("The event is back in the outbox"), "{}", answer.body);

    let outbox = OutboxRepository::new(&database.pool);
    let pending = outbox.pending(10).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].event_id, pending[0].attempts), (id, 0));
    assert_eq!(outbox.dead_letters(10).await.unwrap()[0].event.event_id, other, "no other went with it");

    assert_eq!(visitor.post(&path, &[]).status, 404, "the form once more");
    assert_eq!(visitor.get(&path).status, 404);
    assert_eq!(counts(&database).await, (1, 1));
    let log = console.log();
    let line = log.lines().find(|line| line.contains("changed a dead letter")).expect("it is logged");
    for part in [&format!("event_id={id}"), "change=Requeue", "session=", "peer=127.0.0.1:"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains("of a person"), "{log}");
}

#[tokio::test]
async fn an_event_is_discarded_after_a_question() {
    let Some(database) = TestDatabase::create("an_event_is_discarded_after_a_question").await else { return };
    let (id, other) = (bury_one(&database).await, bury_one(&database).await);
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let path = format!("/dead-letters/{id}/discard");
    assert!(visitor.get(&path).body.contains("Delete this event for good?"));
    assert_eq!(visitor.post(&path, &[]).status, 200);
    let dead = OutboxRepository::new(&database.pool).dead_letters(10).await.unwrap();
    assert_eq!(dead.iter().map(|dead| dead.event.event_id).collect::<Vec<_>>(), [other]);
    assert_eq!(counts(&database).await, (1, 0));
    assert!(console.log().contains("change=Discard"), "{}", console.log());
}

#[tokio::test]
async fn a_read_only_console_offers_no_change_and_makes_none() {
    let Some(database) = TestDatabase::create("a_read_only_console_offers_no_change_and_makes_none").await else {
        return;
    };
    let id = bury_one(&database).await;
    let console = Console::closed(&database.url, &["--read-only"]);
    // The form to sign out by has the session's form token, so nothing else stands in the way of a change.
    let mut visitor = console.signed_in();
    let page = visitor.get(&format!("/dead-letters/{id}"));
    assert!(page.body.contains("read-only"), "{}", page.body);
    for change in ["requeue", "discard"] {
        let path = format!("/dead-letters/{id}/{change}");
        assert_eq!(page.links(&path), Vec::<String>::new());
        assert_eq!(visitor.get(&path).status, 403);
        let answer = visitor.post(&path, &[]);
        assert!(answer.status == 403 && answer.body.contains("--read-only"), "{answer:?}");
        assert_eq!(counts(&database).await, (1, 0), "{change}");
    }
}

#[tokio::test]
async fn an_event_without_its_payload_cannot_be_requeued_and_it_says_so() {
    let test = "an_event_without_its_payload_cannot_be_requeued_and_it_says_so";
    let Some(database) = TestDatabase::create(test).await else { return };
    let id = bury_one(&database).await;
    OutboxRepository::new(&database.pool).redact(&[id]).await.unwrap();
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let (one, path) = (format!("/dead-letters/{id}"), format!("/dead-letters/{id}/requeue"));
    let page = visitor.get(&one);
    assert!(page.body.contains("were emptied") && page.links(&path).is_empty(), "{}", page.body);
    assert!(!visitor.get("/dead-letters").body.contains("Requeue selected"));
    let asked = visitor.get(&path);
    assert!(asked.status == 409 && asked.body.contains("was emptied"), "{asked:?}");
    visitor.get(&format!("{one}/discard"));
    let answer = visitor.post(&path, &[]);
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains("was emptied"), "{}", answer.body);
    assert_eq!(counts(&database).await, (1, 0));
}

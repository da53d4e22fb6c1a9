//! Many dead letters at once: groups, filters and selections.

use marty_events::OutboxRepository;
use marty_events_tests::database::TestDatabase;

use crate::fixture::{Console, bury, counts};

const TOO_LARGE: &str = "MessageSizeTooLarge: 2 MB & <more>";

#[tokio::test]
async fn a_group_of_dead_letters_is_requeued_in_one_step() {
    let Some(database) = TestDatabase::create("a_group_of_dead_letters_is_requeued_in_one_step").await else { return };
    let outbox = OutboxRepository::new(&database.pool);
    let mut ids = Vec::new();
    for number in 0..27 {
        ids.push(bury(&database.pool, "bank.account", &format!("k-{number}"), TOO_LARGE, b"{}").await);
    }
    for number in 0..3 {
        bury(&database.pool, "bank.none", &format!("k-{number}"), "UnknownTopic", b"{}").await;
    }
    outbox.redact(&ids[..1]).await.unwrap();
    let console = Console::closed(&database.url, &[]);
    let mut visitor = console.signed_in();
    let page = visitor.get("/dead-letters");
    for shown in [
        "MessageSizeTooLarge: 2 MB &amp; &lt;more&gt;",
        ">Requeue 26 …<",
        ">Discard 27 …<",
        ">Discard 3 …<",
        "1 emptied",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let whole = page.links("/dead-letters/matching/requeue?");
    let whole = whole.iter().find(|link| link.contains("bank.account")).expect("the group's link");

    // The group's own page lists its letters alone.
    let group = page.links("/dead-letters?").into_iter().find(|link| link.contains("topic=bank.none")).expect("a link");
    let page = visitor.get(&group).body;
    assert!(page.contains("UnknownTopic") && !page.contains("MessageSizeTooLarge"), "{page}");
    assert_eq!(page.matches("type=\"checkbox\"").count(), 3, "{page}");
    assert!(visitor.get("/dead-letters?reason=none").body.contains("No dead letter matches."));

    let question = visitor.get(whole).body;
    assert!(question.contains("Put 26 dead letters back at the end of the outbox?"), "{question}");
    assert!(question.contains("1 event of the selection cannot be requeued"), "{question}");
    assert!(question.contains(">Requeue 26 dead letters<"), "{question}");
    assert_eq!(counts(&database).await, (30, 0), "not before it is confirmed");
    let mut stranger = visitor.clone();
    stranger.form_token = None;
    assert_eq!(stranger.post(whole, &[("count", "26")]).status, 403);
    assert_eq!(stranger.post_with(whole, &[], &["--header", "Origin: http://evil.example"]).status, 403);
    assert_eq!(counts(&database).await, (30, 0));
    // A letter that died after the question was asked stays.
    bury(&database.pool, "bank.account", "k-27", TOO_LARGE, b"{}").await;
    let done = visitor.post(whole, &[("count", "26")]);
    assert!(done.status == 200 && done.body.contains("26 of 26 dead letters are back in the outbox."), "{done:?}");
    assert_eq!(counts(&database).await, (5, 26));
    let log = console.log();
    let line = log.lines().find(|line| line.contains("changed dead letters")).expect("it is logged");
    for part in ["changed=26", &ids[26].to_string(), "change=Requeue", "session=", "peer=127.0.0.1:"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn selected_dead_letters_are_discarded_after_a_question_that_says_how_many() {
    let test = "selected_dead_letters_are_discarded_after_a_question_that_says_how_many";
    let Some(database) = TestDatabase::create(test).await else { return };
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(bury(&database.pool, "bank.account", &format!("k-{number}"), "refused", b"{}").await);
    }
    OutboxRepository::new(&database.pool).redact(&ids[..1]).await.unwrap();
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    assert_eq!(visitor.get("/dead-letters").body.matches(" checked").count(), 0);
    assert_eq!(visitor.get("/dead-letters?all=1").body.matches(" checked").count(), 4);
    let address = |change: &str, ids: &[uuid::Uuid]| {
        let ids: Vec<_> = ids.iter().map(|id| format!("id={id}")).collect();
        format!("/dead-letters/selected/{change}?{}", ids.join("&"))
    };
    let question = visitor.get(&address("requeue", &ids[..3])).body;
    assert!(
        question.contains("Put 2 dead letters back") && question.contains("1 event of the selection"),
        "{question}"
    );
    assert_eq!(visitor.get(&address("requeue", &ids[..1])).status, 409, "its payload was emptied");
    assert_eq!(visitor.get("/dead-letters/selected/requeue?id=none").status, 400);
    let path = address("discard", &ids[..3]);
    let question = visitor.get(&path).body;
    assert!(
        question.contains("Delete 3 dead letters for good?") && question.contains(&ids[0].to_string()),
        "{question}"
    );
    let done = visitor.post(&path, &[("count", "3")]);
    assert!(done.status == 200 && done.body.contains("3 of 3 dead letters are deleted."), "{done:?}");
    assert_eq!(counts(&database).await, (1, 0));
    assert_eq!(visitor.get(&path).status, 409, "they are gone");

    let watching = Console::closed(&database.url, &["--read-only"]);
    let mut watcher = watching.signed_in();
    let page = watcher.get("/dead-letters").body;
    assert!(!page.contains("checkbox") && !page.contains("Requeue") && !page.contains("Discard"), "{page}");
    for path in [address("discard", &ids[3..]), "/dead-letters/matching/discard?topic=bank.account".to_owned()] {
        assert_eq!(watcher.get(&path).status, 403);
        assert_eq!(watcher.post(&path, &[("count", "1")]).status, 403);
    }
    assert_eq!(counts(&database).await, (1, 0));
}

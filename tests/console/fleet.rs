//! Several outboxes in one console.

use marty_events_tests::{database::TestDatabase, wait};

use crate::fixture::{Console, bury_one, command, counts, refusal};

#[tokio::test]
async fn several_outboxes_are_shown_the_worst_first_and_changed_each_for_itself() {
    let test = "several_outboxes_are_shown_the_worst_first_and_changed_each_for_itself";
    let Some(bank) = TestDatabase::create(test).await else { return };
    let Some(shop) = TestDatabase::create(test).await else { return };
    let (letter, _) = (bury_one(&bank).await, bury_one(&shop).await);
    sqlx::query("INSERT INTO event_outbox_relays (relay, expires_at) VALUES ('00000000-0000-7000-8000-000000000001', 'infinity')")
        .execute(&shop.pool)
        .await
        .unwrap();
    for sql in [
        "UPDATE event_outbox_lanes SET owner = '00000000-0000-7000-8000-000000000001'",
        "DELETE FROM event_outbox_dead_letters",
    ] {
        sqlx::query(sql).execute(&shop.pool).await.unwrap();
    }
    let outboxes = [
        format!("shop={}", shop.url),
        format!("bank={}#public.event_outbox", bank.url),
        "away=postgres://marty:hunter2@127.0.0.1:1/none".to_owned(),
    ];
    let arguments: Vec<&str> =
        outboxes.iter().flat_map(|outbox| ["--outbox", outbox.as_str()]).chain(["--title", "staging <1>"]).collect();
    let console = Console::open("", &arguments);
    let mut visitor = console.visitor();
    // The first looks make their connections, and may take longer than a look has time for.
    let page = wait::until("what ails each of them, the worst first", || async {
        let page = visitor.clone().get("/");
        assert_eq!(page.status, 200);
        let links = page.links("/outbox/").into_iter().filter(|link| !link.contains("dead")).collect::<Vec<_>>();
        (links == ["/outbox/bank", "/outbox/away", "/outbox/shop"]).then_some(page)
    })
    .await;
    for shown in [
        "staging &lt;1&gt;",
        "1 dead letter waits for a decision.",
        "No relay is working",
        "The database has not answered",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(page.body.contains("public.event_outbox") && !page.body.contains("hunter2"), "{}", page.body);

    let overview = visitor.get("/outbox/bank").body;
    assert!(
        overview.contains("<strong>bank</strong>") && overview.contains("href=\"/outbox/bank/dead-letters\""),
        "{overview}"
    );
    assert!(overview.contains("href=\"/outbox/bank?still\""), "{overview}");
    for path in ["/waiting", "/events", "/dead-letters", "/dead-letters/none"] {
        let status = visitor.get(&format!("/outbox/bank{path}")).status;
        assert_eq!(status, if path.ends_with("none") { 400 } else { 200 }, "{path}");
        assert_eq!(visitor.get(path).status, 404, "{path} is no page of the console itself");
    }
    assert_eq!(visitor.get("/outbox/none").status, 404);
    assert_eq!(visitor.get("/outbox/away").status, 503);
    assert_eq!(visitor.get(&format!("/outbox/shop/dead-letters/{letter}")).status, 404);
    visitor.get("/outbox/bank/dead-letters");
    let path = format!("/outbox/bank/dead-letters/{letter}/requeue");
    assert!(visitor.get(&path).body.contains(&format!("action=\"{path}\"")));
    let answer = visitor.post(&path, &[]);
    assert!(answer.status == 200 && answer.body.contains("href=\"/outbox/bank/dead-letters\""), "{answer:?}");
    assert_eq!((counts(&bank).await, counts(&shop).await), ((0, 1), (0, 0)));
    assert!(console.log().contains("outbox=\"bank\"") && !console.log().contains("hunter2"), "{}", console.log());
}

#[tokio::test]
async fn an_outbox_that_is_named_wrongly_is_refused_without_its_password() {
    let url = "postgres://marty:hunter2@127.0.0.1:1/none";
    for (outboxes, says) in [
        (vec![url.to_owned()], "an --outbox has no name"),
        (vec![format!("a/b={url}")], "has up to 40 letters"),
        (vec![format!("a b={url}")], "an --outbox has no name"),
        (vec![format!("a={url}"), format!("a={url}")], "two outboxes have the name a"),
        (vec![format!("a={url}#a.b.c.d")], "the outbox a of --outbox"),
        (vec!["a=oracle://marty:hunter2@db".to_owned()], "the outbox a of --outbox"),
    ] {
        let arguments: Vec<&str> = outboxes.iter().flat_map(|outbox| ["--outbox", outbox.as_str()]).collect();
        let (code, complaint) = refusal(command("", &arguments)).await;
        assert!(code == Some(2) && complaint.contains(says), "{outboxes:?}: {code:?} {complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

//! The pages about events that wait, and about one event.

use marty_events_tests::database::TestDatabase;

use crate::fixture::{Console, bury_one};

/// Three keys: one that the broker refuses, one that a newer version wrote, and one whose turn has not come.
pub(crate) const WAITING: &str = "
    INSERT INTO event_outbox (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding,
        created_at, attempts, last_error)
    VALUES
    ('00000000-0000-7000-8000-00000000000a', 'account_moved', 'bank.account', 'account-1', 'account-1', 7, '[]', 'secret', 1,
        now() - interval '20 minutes', 3, 'MessageSizeTooLarge <b>'),
    ('00000000-0000-7000-8000-00000000000b', 'account_moved', 'bank.account', 'account-1', 'account-1', 7, '[]', 'secret', 1,
        now() - interval '19 minutes', 0, NULL),
    ('00000000-0000-7000-8000-00000000000c', 'account_closed', 'bank.account', 'account-2', 'account-2', 8, '[]', 'secret', 9,
        now() - interval '5 minutes', 0, NULL),
    ('00000000-0000-7000-8000-00000000000d', 'user_created', 'bank.user', 'user-<i>', 'user-<i>', 9, '[]', 'secret', 1,
        now() - interval '1 minute', 0, NULL)";

#[tokio::test]
async fn waiting_keys_are_shown_with_the_reason_why_they_wait() {
    let test = "waiting_keys_are_shown_with_the_reason_why_they_wait";
    let Some(database) = TestDatabase::create(test).await else { return };
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    assert!(visitor.get("/waiting").body.contains("No event waits."));
    sqlx::query(WAITING).execute(&database.pool).await.unwrap();
    let page = visitor.get("/waiting").body;
    let rows: Vec<&str> = page.split("<tr>").filter(|row| row.contains("Why it waits\"")).collect();
    assert_eq!(rows.len(), 3, "{page}");
    assert!(rows[0].contains("account-1") && rows[0].contains("Blocked"), "{}", rows[0]);
    assert!(rows[0].contains("refused an event 3 times: <bdi>MessageSizeTooLarge &lt;b&gt;</bdi>"), "{}", rows[0]);
    assert!(rows[1].contains("A newer version wrote 1 event."), "{}", rows[1]);
    assert!(rows[2].contains("user-&lt;i&gt;") && rows[2].contains("for its turn"), "{}", rows[2]);
    assert!(page.contains("encoding 9 was written by a newer version"), "it does not hide the others: {page}");
    assert!(!page.contains("secret"), "{page}");

    sqlx::query(
        "INSERT INTO event_outbox (event_id, event_type, topic, key_hash, headers, payload)
         SELECT gen_random_uuid(), 'moved', 'bank.account', 7, '[]', '{}' FROM generate_series(1, 30)",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let next = visitor.get("/waiting").links("/waiting?after=").pop().expect("another page");
    let page = visitor.get(&next);
    assert_eq!(page.body.matches("data-label=\"Written\"").count(), 9, "{}", page.body);
    assert!(page.links("/waiting?after=").is_empty());
    assert_eq!(visitor.get("/waiting?after=none").status, 400);
}

#[tokio::test]
async fn an_event_is_found_by_id_or_key_wherever_it_is() {
    let Some(database) = TestDatabase::create("an_event_is_found_by_id_or_key_wherever_it_is").await else { return };
    let dead = bury_one(&database).await;
    sqlx::query(WAITING).execute(&database.pool).await.unwrap();
    sqlx::query(
        "INSERT INTO event_outbox_published (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
             payload, encoding, created_at, attempts)
         VALUES ('00000000-0000-7000-8000-0000000000ff', 900, 'account_opened', 'bank.account', 'account-1', 'account-1', 7, '[]',
             'secret', 1, now() - interval '1 day', 0)",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    assert!(visitor.get("/events").body.contains("Id or key"));
    let by_key = visitor.get("/events?q=account-1").body;
    for (word, number) in
        [(">Waiting</strong>", 2), (">Dead</strong>", 1), (">Delivered</strong>", 1), ("account_opened", 1)]
    {
        assert_eq!(by_key.matches(word).count(), number, "{word}: {by_key}");
    }
    assert!(by_key.contains(&format!("href=\"/dead-letters/{dead}\"")), "{by_key}");
    for body in [by_key, visitor.get(&format!("/events?q={dead}")).body] {
        assert!(body.contains("MessageSizeTooLarge") && !body.contains("secret"), "{body}");
    }
    let newer = visitor.get("/events?q=00000000-0000-7000-8000-00000000000C").body;
    assert!(newer.contains("encoding 9 was written by a newer version"), "{newer}");
    for none in ["ACCOUNT-1", "%3Cscript%3E", "00000000-0000-7000-8000-00000000000e"] {
        let body = visitor.get(&format!("/events?q={none}")).body;
        assert!(body.contains("No event with this id or key") && !body.contains("<script"), "{body}");
    }
}

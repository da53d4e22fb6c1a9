//! The pages about consumer groups, their parked keys and their dead letters.

use marty_events::inbox::{self, InboxQuery, InboxRepository};
use marty_events_tests::{database::TestDatabase, wait};
use sqlx::PgPool;

use crate::fixture::{Console, counts};

/// A group with a key that is tried again, a key that a letter holds, and a letter whose key has gone on; and another group.
const PARKED: &str = r#"
    INSERT INTO event_inbox_parked (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, headers, value,
        attempts, state, due_at, reason, parked_at, died_at)
    VALUES
    ('status-list', 'moved-1', 'bank.account', 'account-1', 3, 41, '[["ce_type", "account_moved"]]', 'secret', 2, 'waiting',
        now() + interval '5 minutes', 'the register <b> is away', now() - interval '20 minutes', NULL),
    ('status-list', 'moved-2', 'bank.account', 'account-1', 3, 57, '[["ce_type", "account_moved"]]', 'secret', 0, 'waiting', NULL, NULL,
        now() - interval '12 minutes', NULL),
    ('status-list', 'closed-1', 'bank.account', 'account-2', 5, 12, '[["ce_type", "account_closed"]]', 'secret', 10, 'held', NULL,
        'a certificate has a positive number', now() - interval '2 hours', now() - interval '1 hour'),
    ('status-list', 'closed-2', 'bank.account', 'account-2', 5, 13, '[["ce_type", "account_closed"]]', 'secret', 0, 'waiting', NULL, NULL,
        now() - interval '1 hour', NULL),
    ('status-list', 'opened-1', 'bank.user', 'user-7', 0, 4, '[["ce_type", "user_opened"], ["traceparent", "00-1"]]', 'secret', 1, 'dead', NULL,
        'the field `name` is missing', now() - interval '50 minutes', now() - interval '50 minutes'),
    ('mail & <more>', 'opened-1', 'bank.user', 'user-7', 0, 4, '[]', NULL, 1, 'dead', NULL, 'refused', now(), now())"#;

/// Makes the inbox, with two groups.
pub(crate) async fn park(pool: &PgPool) {
    inbox::migrate(pool).await.expect("the inbox");
    sqlx::query(PARKED).execute(pool).await.expect("the parked events");
}

/// Letters of a group, as many as two pages have.
pub(crate) async fn bury_many(pool: &PgPool) {
    sqlx::query(
        "INSERT INTO event_inbox_parked (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, headers, value,
             attempts, state, reason, died_at)
         SELECT 'status-list', 'late-' || number, 'bank.late', convert_to('late-' || number, 'UTF8'), 1, number, '[]', '{}', 10, 'dead',
             'too late', now() FROM generate_series(1, 27) number",
    )
    .execute(pool)
    .await
    .expect("dead letters");
}

/// The numbers of a group's dead letters, and of its events that wait.
async fn counted(pool: &PgPool, group: &str) -> (u64, u64) {
    let groups = InboxRepository::new(pool).groups().await.expect("the groups");
    let stats = &groups.iter().find(|found| found.group == group).expect("the group").stats;
    (stats.dead_letters, stats.parked)
}

async fn number(pool: &PgPool, group: &str, event_id: &str) -> i64 {
    let query = InboxQuery::default().group(group).event_id(event_id);
    InboxRepository::new(pool).dead_letters(query).await.expect("a letter")[0].id
}

#[tokio::test]
async fn a_database_with_an_inbox_and_no_outbox_has_an_overview() {
    let test = "a_database_with_an_inbox_and_no_outbox_has_an_overview";
    let Some(database) = TestDatabase::create(test).await else { return };
    park(&database.pool).await;
    let drop = "DO $$ DECLARE made text; BEGIN
        FOR made IN SELECT tablename FROM pg_tables WHERE tablename LIKE 'event\\_outbox%' LOOP
            EXECUTE format('DROP TABLE %I CASCADE', made);
        END LOOP; END $$";
    sqlx::raw_sql(drop).execute(&database.pool).await.unwrap();
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let page = wait::until("a look at the inbox", || async {
        Some(visitor.clone().get("/?still")).filter(|page| page.status == 200)
    })
    .await;
    assert!(page.body.contains("Consumer groups") && page.body.contains("status-list"), "{page:?}");
    assert!(!page.body.contains("Relays") && !page.body.contains("No relay"), "{page:?}");
    assert_eq!(visitor.get("/groups").status, 200);

    sqlx::raw_sql("DELETE FROM event_inbox_parked").execute(&database.pool).await.unwrap();
    wait::until("a look without letters", || async {
        visitor.clone().get("/?still").body.contains("This database has an inbox and no outbox.").then_some(())
    })
    .await;
    sqlx::raw_sql("DROP TABLE event_inbox_parked, event_inbox").execute(&database.pool).await.unwrap();
    wait::until("a database with neither", || async { (visitor.clone().get("/?still").status == 503).then_some(()) })
        .await;
}

#[tokio::test]
async fn groups_keys_and_their_events_are_shown_where_there_is_an_inbox() {
    let test = "groups_keys_and_their_events_are_shown_where_there_is_an_inbox";
    let Some(database) = TestDatabase::create(test).await else { return };
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    assert!(!visitor.get("/?still").body.contains("Consumer groups"), "there is no inbox");
    assert_eq!(visitor.get("/groups").status, 404);

    park(&database.pool).await;
    let page = visitor.get("/groups").body;
    let rows: Vec<&str> = page.split("<tr>").filter(|row| row.contains("data-label=\"Group\"")).collect();
    assert_eq!(rows.len(), 2, "{page}");
    assert!(
        rows[0].contains("mail &amp; &lt;more&gt;") && rows[0].contains("href=\"/groups/mail%20%26%20%3Cmore%3E\""),
        "{}",
        rows[0]
    );
    for shown in [">2</td>", ">3</td>", "h ", "<time"] {
        assert!(rows[1].contains(shown), "two keys, three events that wait, two letters; {shown}: {}", rows[1]);
    }
    wait::until("the overview's section and its state", async || {
        let overview = visitor.clone().get("/?still").body;
        let is_told = overview.contains("2 dead letters of the group status-list wait for a decision.");
        (is_told && overview.contains("href=\"/groups/status-list\"")).then_some(())
    })
    .await;
    assert!(visitor.get("/waiting").body.contains("href=\"/groups\""), "every page leads to the groups");

    let group = visitor.get("/groups/status-list").body;
    let rows: Vec<&str> = group.split("<tr>").filter(|row| row.contains("data-label=\"Next try\"")).collect();
    assert_eq!(rows.len(), 2, "{group}");
    assert!(
        rows[0].contains("account-1")
            && rows[0].contains("the register &lt;b&gt; is away")
            && rows[0].contains(">2</td>"),
        "{}",
        rows[0]
    );
    let held = number(&database.pool, "status-list", "closed-1").await;
    assert!(
        rows[1].contains("account-2") && rows[1].contains(&format!("/groups/status-list/dead-letters/{held}")),
        "{}",
        rows[1]
    );
    let key = visitor.get(&visitor_link(&group, "/groups/status-list/keys/", 0)).body;
    let (first, second) = (key.find("moved-1").expect("the first"), key.find("moved-2").expect("the second"));
    assert!(first < second && key.contains("3, 41") && key.contains("for the events before it"), "{key}");
    let key = visitor.get(&visitor_link(&group, "/groups/status-list/keys/", 1)).body;
    assert!(key.contains("after a decision") && key.contains("closed-2"), "{key}");
    for page in [&group, &key] {
        assert!(!page.contains("secret"), "{page}");
    }
    for path in
        ["/groups/none", "/groups/status-list/keys/0", "/groups/none/keys/1", "/groups/status-list/dead-letters/0"]
    {
        assert_eq!(visitor.get(path).status, 404, "{path}");
    }
    let other = number(&database.pool, "mail & <more>", "opened-1").await;
    assert_eq!(visitor.get(&format!("/groups/status-list/dead-letters/{other}")).status, 404, "it is another group's");
}

fn visitor_link(page: &str, path: &str, index: usize) -> String {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(link, _)| link);
    links.filter(|link| link.starts_with(path)).nth(index).expect("a link").to_owned()
}

#[tokio::test]
async fn a_letter_of_a_group_is_requeued_at_its_old_place_after_a_question() {
    let test = "a_letter_of_a_group_is_requeued_at_its_old_place_after_a_question";
    let Some(database) = TestDatabase::create(test).await else { return };
    park(&database.pool).await;
    let console = Console::closed(&database.url, &[]);
    let mut visitor = console.signed_in();
    let held = number(&database.pool, "status-list", "closed-1").await;
    let letter = format!("/groups/status-list/dead-letters/{held}");
    let page = visitor.get(&letter).body;
    assert!(
        page.contains("waits for this letter") && page.contains("5, offset 12") && !page.contains("secret"),
        "{page}"
    );
    let payload = visitor.get(&format!("{letter}/payload")).body;
    assert!(payload.contains("secret") && payload.contains("account_closed"), "{payload}");

    let question = visitor.get(&format!("{letter}/requeue")).body;
    assert!(question.contains("Put this event back at its old place?"), "{question}");
    assert_eq!(counted(&database.pool, "status-list").await, (2, 3), "not before it is confirmed");
    let mut stranger = visitor.clone();
    stranger.form_token = None;
    assert_eq!(stranger.post(&format!("{letter}/requeue"), &[]).status, 403);
    let elsewhere = format!("/groups/mail%20%26%20%3Cmore%3E/dead-letters/{held}/requeue");
    assert_eq!(visitor.post(&elsewhere, &[]).status, 404, "it is another group's");
    assert_eq!(counted(&database.pool, "status-list").await, (2, 3));
    let done = visitor.post(&format!("{letter}/requeue"), &[]);
    assert!(done.status == 200 && done.body.contains("back at its old place"), "{done:?}");
    assert_eq!(counted(&database.pool, "status-list").await, (1, 4));
    assert_eq!(visitor.post(&format!("{letter}/discard"), &[]).status, 404, "it waits");

    let tombstone = number(&database.pool, "mail & <more>", "opened-1").await;
    let letter = format!("/groups/mail%20%26%20%3Cmore%3E/dead-letters/{tombstone}");
    assert!(visitor.get(&format!("{letter}/payload")).body.contains("a tombstone"));
    assert!(visitor.get(&format!("{letter}/discard")).body.contains("The group does not handle it"));
    assert_eq!(visitor.post(&format!("{letter}/discard"), &[]).status, 200);
    let log = console.log();
    for (words, parts) in [
        ("showed the payload", ["event_id=closed-1", "group=\"status-list\"", "peer=127.0.0.1:"]),
        ("changed a dead letter", ["event_id=closed-1", "change=Requeue", "group=\"status-list\""]),
    ] {
        let line = log.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {log}"));
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
}

#[tokio::test]
async fn many_letters_of_a_group_are_filtered_selected_and_changed() {
    let test = "many_letters_of_a_group_are_filtered_selected_and_changed";
    let Some(database) = TestDatabase::create(test).await else { return };
    park(&database.pool).await;
    bury_many(&database.pool).await;
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let list = "/groups/status-list/dead-letters";
    let page = visitor.get(list);
    assert!(page.body.contains("Dead letters of status-list") && page.body.contains(">Discard 29 …<"), "{}", page.body);
    assert_eq!(page.body.matches("type=\"checkbox\"").count(), 25, "{}", page.body);
    assert_eq!(page.body.matches("its key waits").count(), 1, "{}", page.body);
    let next = page.links(&format!("{list}?after=")).pop().expect("another page");
    assert_eq!(visitor.get(&next).body.matches("type=\"checkbox\"").count(), 4);
    assert_eq!(visitor.get(&format!("{list}?all=1")).body.matches(" checked").count(), 25);
    for path in
        [format!("{list}?type=moved"), format!("{list}?after=none"), format!("{list}/matching/discard?type=moved")]
    {
        assert_eq!(visitor.get(&path).status, 400, "{path}");
    }
    assert!(visitor.get(&format!("{list}?reason=none")).body.contains("No dead letter matches."));

    let filtered = visitor.get(&format!("{list}?topic=bank.late"));
    let whole = filtered.links(&format!("{list}/matching/requeue?")).pop().expect("all that match");
    let question = visitor.get(&whole).body;
    assert!(question.contains("Put 27 dead letters back at their old places?"), "{question}");
    assert_eq!(visitor.post(&format!("{list}/matching/discard?type=moved"), &[("count", "29")]).status, 400);
    let done = visitor.post(&whole, &[("count", "27")]);
    assert!(done.status == 200 && done.body.contains("27 of 27 dead letters are back in the inbox."), "{done:?}");
    assert_eq!(counted(&database.pool, "status-list").await, (2, 30));

    let mut ids = Vec::new();
    for (group, event) in [("status-list", "closed-1"), ("status-list", "opened-1"), ("mail & <more>", "opened-1")] {
        ids.push(format!("id={}", number(&database.pool, group, event).await));
    }
    let path = format!("{list}/selected/discard?{}", ids.join("&"));
    let question = visitor.get(&path).body;
    assert!(question.contains("Delete 2 dead letters for good?"), "the third one is another group's: {question}");
    let done = visitor.post(&path, &[("count", "2")]);
    assert!(done.status == 200 && done.body.contains("2 of 2 dead letters are deleted."), "{done:?}");
    assert_eq!(counted(&database.pool, "status-list").await, (0, 30));
    assert_eq!(counted(&database.pool, "mail & <more>").await, (1, 0));
    assert_eq!(visitor.get(&path).status, 409, "they are gone");
    assert_eq!(counts(&database).await, (0, 0), "the outbox has nothing to do with it");
    let log = console.log();
    let line = log.lines().rfind(|line| line.contains("changed dead letters")).expect("it is logged");
    assert!(line.contains("event_ids=\"closed-1 opened-1\"") && line.contains("group=\"status-list\""), "{line}");

    let watching = Console::open(&database.url, &["--read-only"]);
    let mut watcher = watching.visitor();
    let list = "/groups/mail%20%26%20%3Cmore%3E/dead-letters";
    let page = watcher.get(list).body;
    assert!(!page.contains("checkbox") && !page.contains("Requeue") && !page.contains("Discard"), "{page}");
    assert_eq!(watcher.post(&format!("{list}/matching/discard"), &[("count", "1")]).status, 403);
    assert_eq!(counted(&database.pool, "mail & <more>").await, (1, 0));
}

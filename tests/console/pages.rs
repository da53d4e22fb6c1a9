//! The content of the pages.

use std::collections::BTreeSet;

use marty_events_tests::{database::TestDatabase, wait};
use uuid::Uuid;

use crate::fixture::{Console, bury, bury_one};

#[tokio::test]
async fn what_others_wrote_is_shown_as_text() {
    let Some(database) = TestDatabase::create("what_others_wrote_is_shown_as_text").await else { return };
    let attack = |place: &str| format!("{place}<script>alert('{place}')</script>\"'><img src=x onerror=alert(1)>&amp;");
    let [topic, key, reason, payload] = ["topic", "key", "reason", "payload"].map(attack);
    let id = bury(&database.pool, &topic, &key, &reason, payload.as_bytes()).await;
    let headers = serde_json::json!([[attack("name"), attack("value")]]).to_string();
    sqlx::query("UPDATE event_outbox_dead_letters SET event_type = $1, headers = $2")
        .bind(attack("kind"))
        .bind(headers)
        .execute(&database.pool)
        .await
        .unwrap();
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let one = format!("/dead-letters/{id}");
    let public: &[&str] = &["topic", "key", "reason", "kind"];
    for (path, places) in [
        ("/dead-letters", public),
        (&one, public),
        (&format!("{one}/requeue"), public),
        (&format!("{one}/discard"), public),
        (&format!("{one}/payload"), &["payload", "name", "value"]),
    ] {
        let body = visitor.get(path).body;
        for place in places {
            let shown = format!("{place}&lt;script&gt;alert('{place}')&lt;/script&gt;&quot;'&gt;&lt;img src=x");
            assert!(body.contains(&shown), "{path} {place}: {body}");
        }
        assert!(body.contains("&amp;amp;"), "{path}: {body}");
        assert!(!body.contains("<script") && !body.contains("<img"), "{path}: {body}");
    }
    // A character that turns the direction of writing makes a text look like another one.
    let id = bury(&database.pool, "a\u{202e}b", "c\u{2067}d", "e\u{9b}f", "g\u{202e}h\n\ti\x7f".as_bytes()).await;
    for path in ["/dead-letters", &format!("/dead-letters/{id}"), &format!("/dead-letters/{id}/payload")] {
        let body = visitor.get(path).body;
        let acting = body
            .chars()
            .find(|letter| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{7f}'..='\u{9f}'));
        assert_eq!(acting, None, "{path}: {body}");
    }
    let payload = visitor.get(&format!("/dead-letters/{id}/payload")).body;
    assert!(payload.contains("g\\u{202e}h\n\ti\\u{7f}"), "{payload}");
    let asked = visitor.get("/dead-letters/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert_eq!(asked.status, 400);
    assert!(!asked.body.contains("<script") || asked.header("content-type") == Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_read_is_shown_among_the_others() {
    let test = "a_dead_letter_that_cannot_be_read_is_shown_among_the_others";
    let Some(database) = TestDatabase::create(test).await else { return };
    let (broken, newer, whole) = (bury_one(&database).await, bury_one(&database).await, bury_one(&database).await);
    for (sql, id) in [
        ("UPDATE event_outbox_dead_letters SET headers = '<b>{' WHERE event_id = $1", broken),
        ("UPDATE event_outbox_dead_letters SET encoding = 9 WHERE event_id = $1", newer),
    ] {
        sqlx::query(sql).bind(id).execute(&database.pool).await.unwrap();
    }
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let list = visitor.get("/dead-letters");
    assert_eq!(list.status, 200, "{}", list.body);
    for id in [broken, newer, whole] {
        assert!(list.body.contains(&id.to_string()), "{}", list.body);
    }
    assert_eq!(list.body.matches("This event cannot be read").count(), 2, "{}", list.body);
    for (id, problem) in [(broken, "headers: "), (newer, "encoding 9 was written by a newer version")] {
        for path in ["", "/payload", "/requeue", "/discard"] {
            let page = visitor.get(&format!("/dead-letters/{id}{path}"));
            assert!(page.status == 200 && page.body.contains(problem), "{path}: {}", page.body);
        }
    }
    assert_eq!(visitor.post(&format!("/dead-letters/{newer}/requeue"), &[]).status, 200);
    assert_eq!(visitor.post(&format!("/dead-letters/{broken}/discard"), &[]).status, 200);
    assert_eq!(crate::fixture::counts(&database).await, (1, 1));
}

#[tokio::test]
async fn a_payload_is_shown_on_a_page_of_its_own_and_nowhere_else() {
    let test = "a_payload_is_shown_on_a_page_of_its_own_and_nowhere_else";
    let Some(database) = TestDatabase::create(test).await else { return };
    let id = bury_one(&database).await;
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let one = format!("/dead-letters/{id}");
    for path in ["/", "/dead-letters", &one, &format!("{one}/requeue"), &format!("{one}/discard")] {
        let answer = visitor.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("of a person") && !answer.body.contains("ce_type"), "{path}: {}", answer.body);
    }
    let page = visitor.get(&one).body;
    for shown in ["account-1", "bank.account", "moved", "MessageSizeTooLarge", "<dd>5</dd>", "24 bytes"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let log = console.log();
    assert!(!log.contains("showed the payload"), "{log}");
    let payload = visitor.get(&format!("{one}/payload")).body;
    assert!(payload.contains("{&quot;secret&quot;:&quot;of a person&quot;}"), "{payload}");
    let log = console.log();
    let line = log.lines().find(|line| line.contains("showed the payload of a dead letter")).expect("it is logged");
    assert!(line.contains(&id.to_string()) && line.contains("session=") && !log.contains("of a person"), "{log}");

    sqlx::query("UPDATE event_outbox_dead_letters SET payload = '\\xff00'").execute(&database.pool).await.unwrap();
    let payload = visitor.get(&format!("{one}/payload")).body;
    assert!(payload.contains("The payload is not UTF-8"), "{payload}");
    assert_eq!(visitor.get(&format!("/dead-letters/{}/payload", Uuid::nil())).status, 404);
}

#[tokio::test]
async fn many_dead_letters_come_page_by_page_each_once() {
    let Some(database) = TestDatabase::create("many_dead_letters_come_page_by_page_each_once").await else { return };
    let mut ids = BTreeSet::new();
    for number in 0..60 {
        ids.insert(bury(&database.pool, "bank.account", &format!("k-{number}"), "refused", b"{}").await.to_string());
    }
    // As after a restore, when numbers are given out a second time.
    sqlx::query("UPDATE event_outbox_dead_letters SET seq = 25 WHERE seq BETWEEN 20 AND 30")
        .execute(&database.pool)
        .await
        .unwrap();
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    let (mut path, mut seen) = ("/dead-letters".to_owned(), Vec::new());
    let mut pages = Vec::new();
    loop {
        let page = visitor.get(&path);
        assert_eq!(page.status, 200, "{}", page.body);
        let found: Vec<String> =
            page.links("/dead-letters/").iter().filter_map(|link| link.rsplit('/').next().map(str::to_owned)).collect();
        let found: Vec<String> = found.into_iter().filter(|id| id.parse::<Uuid>().is_ok()).collect();
        pages.push(found.len());
        // One that was seen may be gone by the time the next page is asked for.
        if pages.len() == 1 {
            let last: Uuid = found.last().unwrap().parse().unwrap();
            sqlx::query("DELETE FROM event_outbox_dead_letters WHERE event_id = $1")
                .bind(last)
                .execute(&database.pool)
                .await
                .unwrap();
        }
        seen.extend(found);
        match page.links("/dead-letters?after=").pop() {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(pages, [25, 25, 10]);
    assert_eq!(seen.len(), 60);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), ids);
    assert_eq!(visitor.get("/dead-letters?after=nonsense").status, 400);
}

#[tokio::test]
async fn the_overview_shows_backlog_pace_and_relays() {
    let Some(database) = TestDatabase::create("the_overview_shows_backlog_pace_and_relays").await else { return };
    let pool = &database.pool;
    bury_one(&database).await;
    let console = Console::open(&database.url, &["--read-only"]);
    let mut visitor = console.visitor();
    let idle = visitor.get("/").body;
    assert!(idle.contains("No relay is working") && idle.contains("from the next refresh on"), "{idle}");
    assert!(idle.contains("http-equiv=\"refresh\""), "{idle}");

    for statement in [
        "INSERT INTO event_outbox (event_id, event_type, topic, key_hash, headers, payload, created_at)
             SELECT gen_random_uuid(), 'moved', 'bank.account', 7, '[]', '{}', now() - interval '90 minutes'
             FROM generate_series(1, 17)",
        "INSERT INTO event_outbox_relays (relay, expires_at) VALUES ('00000000-0000-7000-8000-000000000001', 'infinity'),
             ('00000000-0000-7000-8000-000000000002', 'infinity'),
             ('00000000-0000-7000-8000-000000000003', now() - interval '1 minute')",
        "UPDATE event_outbox_lanes SET owner = '00000000-0000-7000-8000-000000000001' WHERE lane NOT IN (4, 6)",
        "UPDATE event_outbox_lanes SET published = 1000000 WHERE lane = 1",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
    let page = wait::until("a second look", async || {
        let page = console.visitor().get("/?still").body;
        page.contains("<dd id=\"pending\"><a href=\"/waiting\">17</a></dd>").then_some(page)
    })
    .await;
    assert!(!page.contains("http-equiv=\"refresh\""), "{page}");
    assert!(page.contains("<dd id=\"published\">1,000,000</dd>"), "{page}");
    assert!(page.contains("<dd id=\"oldest\">1h 30m"), "{page}");
    assert!(page.contains("<dd id=\"dead\"><a href=\"/dead-letters\">1</a></dd>"), "{page}");
    let (_, rest) = page.split_once("<dd id=\"pace\">").unwrap();
    let per_second: f64 = rest.split_once('<').unwrap().0.parse().unwrap();
    assert!((10_000.0..1_000_000.0).contains(&per_second), "a million within the seconds between the looks: {page}");
    let rows: Vec<&str> = page.split("<tr>").filter(|row| row.contains("00000000-0000-7000")).collect();
    assert!(rows[0].contains("working") && rows[0].contains(">1–3, 5, 7–16</span>"), "{}", rows[0]);
    assert!(rows[1].contains("standing by") && rows[2].contains("silent"), "{page}");
    assert!(!page.contains("No relay is working"), "{page}");
}

#[tokio::test]
async fn it_says_that_the_database_is_away_and_goes_on_when_it_is_back() {
    let test = "it_says_that_the_database_is_away_and_goes_on_when_it_is_back";
    let Some(database) = TestDatabase::create(test).await else { return };
    let Some(server) = marty_events_tests::servers::postgres(test) else { return };
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&database.pool).await.unwrap();
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    assert_eq!(visitor.get("/").status, 200);

    let admin = sqlx::PgPool::connect(&server).await.unwrap();
    let run = async |text: String| sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&admin).await.unwrap();
    run(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
    run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    let answer = wait::until("an answer without the database", async || {
        let answer = console.visitor().get("/dead-letters");
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(answer.body.contains("The outbox is out of reach"), "{}", answer.body);
    assert!(!answer.body.contains(&name), "{}", answer.body);
    run(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")).await;
    wait::until("the database's return", async || (console.visitor().get("/").status == 200).then_some(())).await;
    assert_eq!(visitor.get("/dead-letters").status, 200, "the session is still there");
}

//! The looks of every page on a wide and on a narrow screen, and their accessibility by axe-core.

use std::{env, fs};

use marty_events::OutboxRepository;
use marty_events_tests::{database::TestDatabase, servers};
use serde_json::Value;
use sqlx::PgPool;

use crate::{
    album::Album,
    consumers,
    fixture::{Console, TOKEN, bury},
    waiting::WAITING,
    webdriver::Browser,
};

const RELAYS: [&str; 2] = [
    "INSERT INTO event_outbox_relays (relay, expires_at, started_at, service, host, process_id, version) VALUES
        ('01935f6e-33a1-7cc2-9d5e-8a2b6f0c4d11', 'infinity', now() - interval '3 days', 'bank', 'bank-relay-7d9f6c5b8-x2k4q', 1, '0.1.0'),
        ('01935f6e-41f7-7b03-8c1d-52e9a7d60b22', 'infinity', now() - interval '2 hours', 'bank', 'bank-relay-7d9f6c5b8-m8zt7', 1, '0.1.0'),
        ('01935f6e-5c08-7e44-a3f6-1b7c90e2fa33', now() - interval '9 minutes', now() - interval '5 days', 'bank', 'worker-3.internal', 48213, '0.1.0')",
    "UPDATE event_outbox_lanes SET published = 77125, owner = CASE WHEN lane < 9
        THEN '01935f6e-33a1-7cc2-9d5e-8a2b6f0c4d11'::uuid ELSE '01935f6e-41f7-7b03-8c1d-52e9a7d60b22'::uuid END",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_both_screens_and_axe_core_finds_no_violation() {
    let test = "every_page_fits_both_screens_and_axe_core_finds_no_violation";
    let Some(axe) = env::var_os("MARTY_EVENTS_AXE") else {
        servers::skip(test, "axe-core is missing; scripts/test installs it where npm is");
        return;
    };
    let axe = fs::read_to_string(axe).expect("axe-core's script");
    let Some(bank) = TestDatabase::create(test).await else { return };
    let Some(shop) = TestDatabase::create(test).await else { return };
    let Some(browser) = Browser::start(test) else { return };
    let letter = fill(&bank.pool).await;
    for sql in RELAYS {
        execute(&shop.pool, sql).await;
    }
    let console = Console::closed(&bank.url, &["--title", "staging"]);
    let outboxes = [format!("bank={}", bank.url), format!("shop={}", shop.url)];
    let fleet = Console::open("", &["--title", "staging", "--outbox", &outboxes[0], "--outbox", &outboxes[1]]);
    let album = Album::begin(&[(&bank, "bank"), (&shop, "shop")]).await;

    let at = |path: &str| format!("http://{}{path}", console.address);
    let group = at("/dead-letters?topic=bank.account");
    // A browser sends the cookies of a host to each of its ports, so the two consoles need two names.
    let fleet_url = format!("http://{}/?still", fleet.address.replace("127.0.0.1", "localhost"));
    let pages = [
        ("overview", "Overview", at("/?still")),
        ("waiting", "Waiting", at("/waiting")),
        ("dead-letters", "Dead letters", at("/dead-letters")),
        ("dead-letters-selected", "Dead letters", format!("{group}&all=1")),
        ("dead-letter", "Dead letter", at(&format!("/dead-letters/{letter}"))),
        ("payload", "Payload", at(&format!("/dead-letters/{letter}/payload"))),
        ("requeue", "Requeue", at(&format!("/dead-letters/{letter}/requeue"))),
        ("discard", "Discard", at(&format!("/dead-letters/{letter}/discard"))),
        ("requeue-many", "Requeue", at("/dead-letters/matching/requeue?topic=bank.account")),
        ("discard-many", "Discard", at("/dead-letters/matching/discard?topic=bank.account")),
        ("event", "Find an event", at("/events?q=account-1")),
        ("groups", "Consumer groups", at("/groups")),
        ("group", "Group status-list", at("/groups/status-list")),
        ("parked-key", "Parked key", at("/groups/status-list/keys/1")),
        ("group-letters", "Dead letters of status-list", at("/groups/status-list/dead-letters")),
        ("group-letter", "Dead letter", at("/groups/status-list/dead-letters/3")),
        ("group-payload", "Payload", at("/groups/status-list/dead-letters/3/payload")),
        ("group-requeue", "Requeue", at("/groups/status-list/dead-letters/3/requeue")),
        ("group-discard", "Discard", at("/groups/status-list/dead-letters/3/discard")),
        ("group-requeue-many", "Requeue", at("/groups/status-list/dead-letters/matching/requeue?topic=bank.late")),
        ("group-discard-many", "Discard", at("/groups/status-list/dead-letters/matching/discard?topic=bank.late")),
        ("fleet", "Outboxes", fleet_url),
        ("not-found", "Not found", at("/none")),
    ];
    for width in [390, 1280] {
        browser.screen(width, "light");
        browser.go(&at("/sign-in"));
        check(&browser, &axe, "sign-in", width);
        album.keep(&browser, "sign-in", width);
    }
    browser.fill("Token", TOKEN);
    browser.click("Sign in");
    for width in [1280, 390] {
        for (name, title, url) in &pages {
            browser.screen(width, "light");
            browser.go(url);
            assert_eq!(browser.text("h1"), *title, "{name} at {width}");
            check(&browser, &axe, name, width);
            album.keep(&browser, name, width);
            browser.screen(width, "dark");
            check(&browser, &axe, &format!("{name}, dark"), width);
            if *name == "overview" {
                album.keep(&browser, "overview-dark", width);
            }
        }
    }
    browser.go(&at(&format!("/dead-letters/{letter}/requeue")));
    browser.click("Requeue");
    assert_eq!(browser.text("h1"), "Done");
    for width in [1280, 390] {
        browser.screen(width, "light");
        check(&browser, &axe, "done", width);
        album.keep(&browser, "done", width);
    }
}

/// The page is not wider than the screen, and breaks no rule of WCAG 2.2 or of good practice.
fn check(browser: &Browser, axe: &str, page: &str, width: u32) {
    let seen = browser.run("return [document.documentElement.scrollWidth, document.querySelectorAll('h1').length]");
    assert!(seen[0].as_u64().is_some_and(|seen| seen <= width.into()), "{page} at {width}: {} wide", seen[0]);
    assert_eq!(seen[1], 1, "{page} at {width}");
    browser.run(axe);
    let found = browser.run_async(
        "const done = arguments[arguments.length - 1];
         axe.run().then(found => done({passes: found.passes.length, violations: found.violations.map(rule =>
             [rule.id, rule.help, rule.nodes.map(node => node.html + ' ' + node.failureSummary)])}),
             error => done(String(error)))",
    );
    assert!(found["passes"].as_u64().is_some_and(|passes| 10 < passes), "{page} at {width}: {found}");
    assert_eq!(found["violations"], Value::Array(Vec::new()), "{page} at {width}");
}

async fn fill(pool: &PgPool) -> uuid::Uuid {
    for sql in RELAYS {
        execute(pool, sql).await;
    }
    execute(pool, WAITING).await;
    consumers::park(pool).await;
    consumers::bury_many(pool).await;
    let reason = "TopicAuthorizationFailed: the relay may not write to bank.account";
    let mut ids = Vec::new();
    for number in 1..=27 {
        let payload =
            br#"{"event_type":"account_moved","event_data":{"account_id":"account-1","street":"Main Street 1"}}"#;
        ids.push(bury(pool, "bank.account", &format!("account-{number}"), reason, payload).await);
    }
    let reason = "UnknownTopicOrPartition: bank.ledger";
    let other = bury(pool, "bank.ledger", "ledger-1", reason, b"{}").await;
    OutboxRepository::new(pool).redact(&[other, ids[26]]).await.expect("they are emptied");
    ids[0]
}

async fn execute(pool: &PgPool, sql: &'static str) {
    sqlx::query(sql).execute(pool).await.expect("the statement is executed");
}

//! The looks of every page on a wide and on a narrow screen, and their accessibility by axe-core.

use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use marty_events::OutboxRepository;
use marty_events_tests::{database::TestDatabase, servers};
use serde_json::Value;
use sqlx::PgPool;

use crate::{
    fixture::{Console, TOKEN, bury},
    waiting::WAITING,
    webdriver::Browser,
};

/// The pictures in the documentation are made anew: the test then runs for five minutes, so that the lines have a shape.
const UPDATE: &str = "UPDATE_IMAGES";

const RELAYS: [&str; 2] = [
    "INSERT INTO event_outbox_relays (relay, expires_at, started_at) VALUES
        ('01935f6e-33a1-7cc2-9d5e-8a2b6f0c4d11', 'infinity', now() - interval '3 days'),
        ('01935f6e-41f7-7b03-8c1d-52e9a7d60b22', 'infinity', now() - interval '2 hours'),
        ('01935f6e-5c08-7e44-a3f6-1b7c90e2fa33', now() - interval '9 minutes', now() - interval '5 days')",
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
        execute(&shop.pool, sql, 0).await;
    }
    let console = Console::closed(&bank.url, &["--title", "staging"]);
    let outboxes = [format!("bank={}", bank.url), format!("shop={}", shop.url)];
    let fleet = Console::open("", &["--title", "staging", "--outbox", &outboxes[0], "--outbox", &outboxes[1]]);
    let is_updating = env::var_os(UPDATE).is_some();
    if is_updating {
        live(&bank.pool, Duration::from_mins(5)).await;
    }

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
        ("requeue-many", "Requeue", at("/dead-letters/matching/requeue?topic=bank.account")),
        ("discard-many", "Discard", at("/dead-letters/matching/discard?topic=bank.account")),
        ("event", "Find an event", at("/events?q=account-1")),
        ("fleet", "Outboxes", fleet_url),
        ("not-found", "Not found", at("/none")),
    ];
    for width in [390, 1280] {
        browser.screen(width, "light");
        browser.go(&at("/sign-in"));
        check(&browser, &axe, "sign-in", width);
        if is_updating {
            keep(&browser, "sign-in", width);
        }
    }
    browser.fill("Token", TOKEN);
    browser.click("Sign in");
    for width in [1280, 390] {
        for (name, title, url) in &pages {
            browser.screen(width, "light");
            browser.go(url);
            assert_eq!(browser.text("h1"), *title, "{name} at {width}");
            check(&browser, &axe, name, width);
            if is_updating && *name != "not-found" {
                keep(&browser, name, width);
            }
            browser.screen(width, "dark");
            check(&browser, &axe, &format!("{name}, dark"), width);
            if is_updating && *name == "overview" {
                keep(&browser, "overview-dark", width);
            }
        }
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
        execute(pool, sql, 0).await;
    }
    execute(pool, WAITING, 0).await;
    let reason = "MessageSizeTooLarge: the record has 1,204,113 bytes, and the topic takes 1,048,588";
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

/// Events come and go, so that the lines have a shape.
async fn live(pool: &PgPool, time: Duration) {
    let begin = Instant::now();
    for second in 0.. {
        if time < begin.elapsed() {
            break;
        }
        // Both rise and fall: the pace every 60 s, the backlog every 100 s.
        let (pace, backlog) = (15 + (second % 60 - 30_i64).abs(), 10 + 2 * (second % 100 - 50).abs());
        execute(pool, "UPDATE event_outbox_lanes SET published = published + $1 WHERE lane = 1", pace).await;
        execute(pool, "DELETE FROM event_outbox WHERE record_key IS NULL AND 0 = $1", 0).await;
        let fill = "INSERT INTO event_outbox (event_id, event_type, topic, key_hash, headers, payload)
            SELECT gen_random_uuid(), 'account_moved', 'bank.account', 7, '[]', '{}' FROM generate_series(1, $1)";
        execute(pool, fill, backlog).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn execute(pool: &PgPool, sql: &'static str, number: i64) {
    let query = sqlx::query(sql);
    let query = if sql.contains("$1") { query.bind(number) } else { query };
    query.execute(pool).await.expect("the statement is executed");
}

fn keep(browser: &Browser, page: &str, width: u32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
    let picture = fs::File::create(folder.join(format!("console-{page}-{width}.png"))).expect("a file");
    let mut decode = Command::new("base64");
    let mut running =
        decode.arg("--decode").stdin(Stdio::piped()).stdout(picture).spawn().expect("base64 is installed");
    running.stdin.take().expect("it is piped").write_all(browser.picture(width).as_bytes()).expect("it reads");
    assert!(running.wait().expect("it ends").success());
}

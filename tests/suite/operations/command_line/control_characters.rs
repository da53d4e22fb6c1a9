//! Control characters in the texts of events, which must not act on a terminal.

use marty_events_tests::database::TestDatabase;
use serde_json::Value;

use crate::support::operator::{Operator, read};

/// ESC, BEL, CSI as one letter of C1, DEL, NEL, an override and an isolate of direction, and the end of a line of Unicode.
const HOSTILE: &str = "x\x1b[2J\x07\u{9b}31m\x7f\u{85}\u{202e}gpj\u{2067}\u{200f}\u{2028}y";

fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_an_event_acts_on_a_terminal() {
    let Some(database) = TestDatabase::create("no_text_of_an_event_acts_on_a_terminal").await else { return };
    let payload = serde_json::json!({"payload": {"event_data": {HOSTILE: HOSTILE}}}).to_string();
    let headers = serde_json::json!([[HOSTILE, HOSTILE]]).to_string();
    let columns = "event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload";
    let values = "gen_random_uuid(), $1, $1, $1, $1, 7, $2, $3";
    for payload in [payload.as_bytes(), HOSTILE.as_bytes()] {
        for sql in [
            format!("INSERT INTO event_outbox ({columns}) VALUES ({values})"),
            format!(
                "INSERT INTO event_outbox_dead_letters ({columns}, seq, encoding, created_at, attempts, reason)
                 VALUES ({values}, 7, 1, now(), 5, $1)"
            ),
        ] {
            let insert = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(HOSTILE).bind(&headers).bind(payload);
            insert.execute(&database.pool).await.unwrap();
        }
    }
    let id: uuid::Uuid = sqlx::query_scalar("SELECT event_id FROM event_outbox_dead_letters ORDER BY payload LIMIT 1")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    let id = id.to_string();
    let operator = Operator::of_database(&database).with("KAFKA_BROKERS", "127.0.0.1:1").with("RUST_LOG", "trace");
    for arguments in [
        &["tail", "--outbox", "--no-follow"][..],
        &["tail", "--outbox", "--no-follow", "--payload"],
        &["dead-letters", "list"],
        &["dead-letters", "show", &id],
        &["dead-letters", "show", &id, "--payload"],
        &["status"],
        &["doctor"],
    ] {
        for form in [&[][..], &["--json"]] {
            let answer = operator.run(&[arguments, form].concat());
            for said in [&answer.text, &answer.complaint] {
                let acting = said.chars().find(|letter| acts(*letter) && *letter != '\n');
                assert_eq!(acting, None, "{arguments:?} {form:?}: {said:?}");
            }
            if form.is_empty() || arguments[0] == "status" || arguments[0] == "doctor" {
                continue;
            }
            let lines: Vec<Value> = answer.text.lines().map(read).collect();
            assert!(!lines.is_empty(), "{arguments:?}");
            assert!(lines.iter().all(|line| line["topic"] == HOSTILE && line["key"] == HOSTILE), "{lines:?}");
        }
    }
    let shown = operator.text(&["dead-letters", "show", &id]);
    assert!(shown.contains("topic      x\\u{1b}[2J\\u{7}\\u{9b}31m\\u{7f}\\u{85}\\u{202e}gpj"), "{shown}");
}

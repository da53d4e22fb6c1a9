//! Sessions, form tokens, and the headers that protect every answer.

use marty_events_tests::database::TestDatabase;

use crate::fixture::{Console, bury_one, counts};

#[tokio::test]
async fn a_change_needs_the_form_token_of_its_own_session() {
    let Some(database) = TestDatabase::create("a_change_needs_the_form_token_of_its_own_session").await else { return };
    let id = bury_one(&database).await;
    let console = Console::closed(&database.url, &[]);
    let path = format!("/dead-letters/{id}/requeue");
    let (mut visitor, mut other) = (console.signed_in(), console.signed_in());
    visitor.get(&path);
    other.get(&path);
    assert_ne!(visitor.form_token, other.form_token);

    let mut missing = visitor.clone();
    missing.form_token = None;
    let mut foreign = visitor.clone();
    foreign.form_token.clone_from(&other.form_token);
    let mut made_up = visitor.clone();
    made_up.form_token = Some(uuid::Uuid::new_v4().to_string());
    let mut empty = visitor.clone();
    empty.form_token = Some(String::new());
    let mut without_cookie = visitor.clone();
    without_cookie.cookie = None;
    let mut before = console.visitor();
    before.get("/sign-in");
    for (what, visitor) in [
        ("missing", &mut missing),
        ("another session's", &mut foreign),
        ("made up", &mut made_up),
        ("empty", &mut empty),
        ("without a session", &mut without_cookie),
        ("not signed in", &mut before),
    ] {
        let answer = visitor.post(&path, &[]);
        assert_eq!(answer.status, 403, "{what}: {}", answer.body);
        assert_eq!(counts(&database).await, (1, 0), "{what}");
    }
    // In the address, where logs and referrers have it, it counts for nothing.
    let token = visitor.form_token.clone().unwrap();
    assert_eq!(missing.post(&format!("{path}?form_token={token}"), &[]).status, 403);

    let mut stale = visitor.clone();
    assert_eq!(visitor.post("/sign-out", &[]).status, 303);
    assert_eq!(stale.post(&path, &[]).status, 403, "the session is over");
    let mut again = console.signed_in();
    again.form_token = stale.form_token;
    assert_eq!(again.post(&path, &[]).status, 403, "of an earlier session");
    assert_eq!(counts(&database).await, (1, 0));

    assert_eq!(other.post(&path, &[]).status, 200);
    assert_eq!(counts(&database).await, (0, 1));
}

#[tokio::test]
async fn nothing_but_a_post_changes_anything() {
    let Some(database) = TestDatabase::create("nothing_but_a_post_changes_anything").await else { return };
    let id = bury_one(&database).await;
    let console = Console::open(&database.url, &[]);
    let mut visitor = console.visitor();
    for change in ["requeue", "discard"] {
        let path = format!("/dead-letters/{id}/{change}");
        assert_eq!(visitor.get(&path).status, 200);
        let token = visitor.form_token.clone().unwrap();
        let status = |path: &str, arguments: &[&str]| visitor.clone().ask(path, arguments).status;
        assert_eq!(status(&format!("{path}?form_token={token}"), &[]), 200, "it asks again");
        assert_eq!(status(&path, &["--head"]), 200);
        let origin = format!("Origin: http://{}", console.address);
        for method in ["PUT", "DELETE", "PATCH"] {
            let form = format!("form_token={token}");
            let arguments = ["--request", method, "--header", &origin, "--data", &form];
            assert_eq!(status(&path, &arguments), 405, "{method}");
        }
        assert_eq!(counts(&database).await, (1, 0), "{change}");
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect_it() {
    let Some(database) = TestDatabase::create("every_answer_has_the_headers_that_protect_it").await else { return };
    let id = bury_one(&database).await;
    let console = Console::closed(&database.url, &[]);
    let mut visitor = console.signed_in();
    let long = "x".repeat(10_000);
    let answers = [
        (200, visitor.get("/")),
        (200, visitor.get(&format!("/dead-letters/{id}/payload"))),
        (200, visitor.get("/style.css")),
        (303, console.visitor().get("/")),
        (400, visitor.get("/dead-letters/none")),
        (403, visitor.post_with("/sign-out", &[], &[])),
        (404, visitor.get("/none")),
        (405, visitor.post("/", &[])),
        (413, visitor.post("/sign-out", &[("long", &long)])),
        (421, visitor.ask("/", &["--header", "Host: evil.example"])),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{answer:?}");
        let policy = answer.header("content-security-policy").expect("a policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{status}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{status}: {name}");
        }
        assert_eq!(answer.headers.iter().find(|(name, _)| name.starts_with("access-control-")), None);
        assert!(!answer.body.contains("<script"), "{status}");
    }
}

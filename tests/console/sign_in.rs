//! The token.

use std::{
    thread,
    time::{Duration, Instant},
};

use marty_events_tests::database::TestDatabase;

use crate::fixture::{Console, TOKEN, bury_one, counts};

#[tokio::test]
async fn nothing_is_shown_or_done_without_the_token() {
    let Some(database) = TestDatabase::create("nothing_is_shown_or_done_without_the_token").await else { return };
    let id = bury_one(&database).await;
    let console = Console::closed(&database.url, &[]);
    let one = format!("/dead-letters/{id}");
    let pages = ["", "/payload", "/requeue", "/discard"].map(|page| format!("{one}{page}"));
    let mut visitor = console.visitor();
    visitor.get("/sign-in");
    for path in pages.iter().map(String::as_str).chain(["/", "/dead-letters", "/none"]) {
        for mut stranger in [console.visitor(), visitor.clone()] {
            let answer = stranger.get(path);
            assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")), "{path}");
            assert_eq!(answer.body, "");
            assert_eq!(stranger.post(path, &[("token", TOKEN)]).status, 403, "{path}");
        }
    }
    assert_eq!(counts(&database).await, (1, 0));

    let mut made_up = console.visitor();
    made_up.cookie = Some(format!("marty_events_console={}", uuid::Uuid::new_v4()));
    assert_eq!(made_up.get("/").status, 303);
    let mut signed_in = console.signed_in();
    assert_eq!(signed_in.get(&one).status, 200);
    assert_eq!(signed_in.get("/sign-in").header("location"), Some("/"));
}

#[tokio::test]
async fn a_session_begins_with_a_new_cookie_and_ends_with_the_sign_out() {
    let test = "a_session_begins_with_a_new_cookie_and_ends_with_the_sign_out";
    let Some(database) = TestDatabase::create(test).await else { return };
    let console = Console::closed(&database.url, &[]);
    let mut visitor = console.visitor();
    let set = visitor.get("/sign-in").header("set-cookie").unwrap().to_owned();
    let attributes: Vec<&str> = set.split("; ").skip(1).collect();
    assert_eq!(attributes, ["Path=/", "HttpOnly", "SameSite=Strict"]);
    let planted = visitor.clone();
    let answer = visitor.post("/sign-in", &[("token", &format!(" {TOKEN}\n"))]);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/")),
        "what is pasted may have blanks around it"
    );
    let set = answer.header("set-cookie").unwrap().to_owned();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    assert_ne!(visitor.cookie, planted.cookie, "whoever knows the first cookie is not signed in by it");
    assert_eq!(planted.clone().get("/").status, 303);

    assert_eq!(visitor.get("/").status, 200);
    let mut copy = visitor.clone();
    let answer = visitor.post("/sign-out", &[]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in")));
    assert!(answer.header("set-cookie").unwrap().contains("; Max-Age=0"));
    assert_eq!(copy.get("/").status, 303, "a copy of the cookie is worth nothing either");

    let log = console.log();
    assert!(log.contains("signed in session=") && log.contains("signed out session="), "{log}");
    for secret in [TOKEN, &visitor.form_token.unwrap(), planted.cookie.unwrap().split_once('=').unwrap().1] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_answered_late_and_then_not_at_all() {
    let Some(database) = TestDatabase::create("wrong_tokens_are_answered_late_and_then_not_at_all").await else {
        return;
    };
    let console = Console::closed(&database.url, &[]);
    let mut visitor = console.visitor();
    visitor.get("/sign-in");
    let earlier = console.signed_in();
    let begin = Instant::now();
    // At the same time, so that none of them waits for the answer to another.
    let wrong = ["", "x", &TOKEN[1..], &format!("{TOKEN}0"), &TOKEN.to_uppercase(), "cb2f0f8e6a51d4937d20cb2f0f8e6a50"];
    let mut statuses = thread::scope(|scope| {
        let tries = wrong.map(|token| {
            let mut visitor = visitor.clone();
            scope.spawn(move || visitor.post("/sign-in", &[("token", token)]).status)
        });
        tries.map(|tried| tried.join().unwrap())
    });
    assert!(Duration::from_secs(1) <= begin.elapsed(), "{:?}", begin.elapsed());
    statuses.sort_unstable();
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429]);

    let answer = visitor.clone().post("/sign-in", &[("token", TOKEN)]);
    assert_eq!(answer.status, 429, "not even the right one is looked at");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(earlier.clone().get("/").status, 200, "who is signed in stays so");
    let log = console.log();
    assert_eq!(log.matches("refused a wrong token").count(), 5, "{log}");
    assert!(log.contains("refused a token unread") && !log.contains(TOKEN), "{log}");
}

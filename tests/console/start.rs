//! Whom it starts for, and how it ends.

use std::{fs, io::Write, net::TcpStream, time::Instant};

use marty_events_tests::wait;

use crate::fixture::{Console, TOKEN, command, command_at, refusal};

/// A database that nobody listens for; the console connects when it is first asked.
const NOWHERE: &str = "postgres://marty:hunter2@127.0.0.1:1/none";

#[tokio::test]
async fn it_refuses_to_start_where_strangers_would_be_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let (short, empty, absent) =
        (folder.path().join("short"), folder.path().join("empty"), folder.path().join("absent"));
    fs::write(&short, "0123456789abcdef012\n").unwrap();
    fs::write(&empty, "").unwrap();
    let [short, empty, absent] = [&short, &empty, &absent].map(|path| path.to_str().unwrap());
    let open = "the console would be open to everybody who reaches";
    let too_short = "is too short; use 20 characters or more";
    let listen = |address: &str| command_at(address, NOWHERE, &[]);
    let with_token = |arguments: &[&str], token: &str| {
        let mut command = command(NOWHERE, arguments);
        command.env("MARTY_EVENTS_CONSOLE_TOKEN", token);
        command
    };
    let cases = [
        (listen("0.0.0.0:0"), open),
        (listen("[::]:0"), open),
        (command(NOWHERE, &["--public-url", "https://events.example.com"]), open),
        (command(NOWHERE, &["--token-file", short]), too_short),
        (command(NOWHERE, &["--token-file", empty]), too_short),
        (command(NOWHERE, &["--token-file", absent]), "cannot be read"),
        (with_token(&[], ""), too_short),
        (with_token(&[], "0123456789abcdef012 "), too_short),
        (with_token(&["--token-file", short], TOKEN), "there are two tokens"),
    ];
    for (command, says) in cases {
        let shown = format!("{command:?}");
        let (code, complaint) = refusal(command).await;
        assert!(code == Some(1) && complaint.contains(says), "{shown}: {code:?} {complaint}");
    }
    for url in ["events.example.com", "ftp://events.example.com", "https://events.example.com/console", "https://a@b"] {
        let (code, complaint) = refusal(with_token(&["--public-url", url], TOKEN)).await;
        assert!(code == Some(2) && complaint.contains("write scheme and host alone"), "{url}: {complaint}");
    }
    let mut everywhere = listen("0.0.0.0:0");
    let console = Console::start(everywhere.env("MARTY_EVENTS_CONSOLE_TOKEN", TOKEN));
    assert!(console.log().contains("unencrypted"), "{}", console.log());
}

#[tokio::test]
async fn a_database_that_is_nowhere_is_said_to_be_and_its_url_is_not_shown() {
    let console = Console::open(NOWHERE, &[]);
    let mut visitor = console.visitor();
    let answer = visitor.get("/");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert!(answer.body.contains("The outbox is out of reach"), "{}", answer.body);
    assert!(answer.body.contains("http-equiv=\"refresh\""), "it tries again by itself: {}", answer.body);
    for secret in ["hunter2", "127.0.0.1:1", "marty:"] {
        assert!(!answer.body.contains(secret) && !console.log().contains(secret), "{}{}", answer.body, console.log());
    }
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to_also_beside_a_request_that_never_ends() {
    for signal in ["TERM", "INT"] {
        let console = Console::open(NOWHERE, &[]);
        assert_eq!(console.visitor().get("/style.css").status, 200);
        let mut slow = TcpStream::connect(&console.address).unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
        let begin = Instant::now();
        console.process.signal(signal);
        assert_eq!(console.process.last_lines(), [""; 0], "it ends");
        wait::assert_within(begin, wait::DEADLINE / 2, "it ends by itself");
    }
}

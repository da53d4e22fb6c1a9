//! Other hosts' names, other sites' pages.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use marty_events_tests::database::TestDatabase;

use crate::fixture::{Console, TOKEN, bury_one, command, counts};

#[tokio::test]
async fn it_answers_by_no_name_but_its_own() {
    let Some(database) = TestDatabase::create("it_answers_by_no_name_but_its_own").await else { return };
    let console = Console::open(&database.url, &[]);
    let status = |host: &str| console.curl("/", &["--header", &format!("Host: {host}")]).status;
    for own in ["localhost", "LOCALHOST:8787", "127.0.0.1:1", "127.0.0.2", "[::1]:8787"] {
        assert_eq!(status(own), 200, "{own}");
    }
    for other in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8787", "10.0.0.1", "a@localhost"] {
        assert_eq!(status(other), 421, "{other}");
    }
    assert_eq!(console.curl("/", &["--header", "Host;"]).status, 421, "an empty one");
    assert_eq!(console.curl("/", &["--http1.0", "--header", "Host:"]).status, 421, "none");
    // curl would send the first alone.
    let mut stream = TcpStream::connect(&console.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 421 "), "two: {answer}");
    let target = ["--request-target", "http://evil.example/", "--header", "Host: localhost"];
    assert_eq!(console.curl("/", &target).status, 421, "another in the request's line");
    assert_eq!(console.curl("/style.css", &["--header", "Host: evil.example"]).status, 421);
    assert!(console.log().contains("refused a request to another host"), "{}", console.log());
}

#[tokio::test]
async fn it_takes_changes_from_its_own_pages_alone() {
    let Some(database) = TestDatabase::create("it_takes_changes_from_its_own_pages_alone").await else { return };
    let id = bury_one(&database).await;
    let console = Console::open(&database.url, &[]);
    let path = format!("/dead-letters/{id}/discard");
    let mut visitor = console.visitor();
    visitor.get(&path);
    let own = format!("Origin: http://{}", console.address);
    let (host, port) = console.address.split_once(':').unwrap();
    let foreign: [&[&str]; 8] = [
        &[],
        &["Origin: https://evil.example"],
        &["Origin: null"],
        &[&format!("Origin: https://{}", console.address)],
        &[&format!("Origin: http://{host}:1{port}")],
        &[&own, "Sec-Fetch-Site: cross-site"],
        &[&own, "Sec-Fetch-Site: same-site"],
        &["Origin: https://evil.example", "Sec-Fetch-Site: same-origin"],
    ];
    for headers in foreign {
        let arguments: Vec<&str> = headers.iter().flat_map(|header| ["--header", header]).collect();
        let answer = visitor.clone().post_with(&path, &[], &arguments);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(counts(&database).await, (1, 0), "{headers:?}");
    }
    assert!(console.log().contains("refused a change that does not come from the console's own pages"));
    let answer = visitor.clone().post_with(&path, &[], &["--header", &own]);
    assert_eq!(answer.status, 200, "a browser that sends no Sec-Fetch-Site, as over plain HTTP: {}", answer.body);
    assert_eq!(counts(&database).await, (0, 0));
}

#[tokio::test]
async fn behind_a_proxy_it_answers_by_the_public_name_and_to_its_pages() {
    let test = "behind_a_proxy_it_answers_by_the_public_name_and_to_its_pages";
    let Some(database) = TestDatabase::create(test).await else { return };
    let mut command = command(&database.url, &["--public-url", "https://Events.Example.com:443/"]);
    let console = Console::start(command.env("MARTY_EVENTS_CONSOLE_TOKEN", TOKEN));
    let public = ["--header", "Host: events.example.com"];
    let cookie = console.visitor().ask("/sign-in", &public).header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("__Host-marty_events_console=") && cookie.contains("; Secure"), "{cookie}");
    let sign_in = |host: &str, origin: &str| {
        let headers = [format!("Host: {host}"), format!("Origin: {origin}")];
        let arguments = ["--header", &headers[0], "--header", &headers[1]];
        // A session of its own: a sign-in ends the one before it.
        let mut visitor = console.visitor();
        visitor.ask("/sign-in", &public);
        visitor.post_with("/sign-in", &[("token", TOKEN)], &arguments).status
    };
    assert_eq!(sign_in("events.example.com", "https://events.example.com"), 303, "a proxy that passes the host on");
    assert_eq!(sign_in(&console.address, "https://events.example.com"), 303, "one that does not");
    assert_eq!(sign_in("events.example.com", "http://events.example.com"), 403, "the same name without TLS");
    assert_eq!(sign_in("evil.example", "https://events.example.com"), 421);
    assert_eq!(sign_in("events.example.com", "https://evil.example"), 403);
}

//! The command's texts about itself, and its failures.

use std::{io::Read, path::Path, process::Stdio};

use marty_events_tests::database::TestDatabase;

use crate::support::operator::{Operator, created, read, write};
use crate::support::service::config;

/// Every command, and the commands of those that have commands.
const COMMANDS: [&[&str]; 24] = [
    &["migrate"],
    &["relay"],
    &["status"],
    &["tail"],
    &["replay"],
    &["dead-letters"],
    &["dead-letters", "list"],
    &["dead-letters", "show"],
    &["dead-letters", "requeue"],
    &["dead-letters", "discard"],
    &["dead-letters", "redact"],
    &["cleanup"],
    &["doctor"],
    &["console"],
    &["catalogue"],
    &["catalogue", "show"],
    &["catalogue", "diff"],
    &["catalogue", "asyncapi"],
    &["catalogue", "markdown"],
    &["topics"],
    &["topics", "plan"],
    &["topics", "apply"],
    &["completions"],
    &["man"],
];

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/command-line.md");
    std::fs::read_to_string(path).expect("the document is there")
}

#[test]
fn every_command_has_an_example_and_is_in_the_document() {
    let (operator, document) = (Operator::new([]), document());
    for command in COMMANDS {
        let help = operator.text(&[command, &["--help"]].concat());
        assert!(help.contains("Example"), "{command:?}: {help}");
        assert!(document.contains(&format!("`{}`", command.join(" "))), "{command:?} is not in docs/command-line.md");
        // The help's own options, of which each is at the beginning of a line.
        let options =
            help.lines().filter_map(|line| line.trim_start().split_once("--").filter(|(dash, _)| dash.len() <= 4));
        for (_, option) in options {
            let name: String =
                option.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '-').collect();
            assert!(document.contains(&format!("`--{name}")), "--{name} of {command:?} is not in docs/command-line.md");
        }
    }
    let commands = operator.text(&["--help"]);
    let listed = commands.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("the commands");
    for line in listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().expect("a name");
        assert!(name == "help" || COMMANDS.iter().any(|command| command[0] == name), "{name} is not tested here");
    }
}

/// The help is read by people: its form is a promise.
#[test]
fn every_help_names_every_way_every_default_and_the_global_options_once() {
    let operator = Operator::new([]);
    let long_and_short = |command: &[&str]| {
        let long = operator.text(&[command, &["--help"]].concat());
        assert_eq!(operator.text(&[command, &["-h"]].concat()), long, "{command:?}");
        long
    };
    for command in COMMANDS.into_iter().chain([&[][..]]) {
        let help = long_and_short(command);
        let (own, global) = help.split_once("\nGlobal options:\n").expect("a section of the global options");
        for option in ["--database-url", "--table", "--json", "--help", "--version"] {
            assert!(global.contains(option) && !own.contains(&format!(" {option}")), "{option} of {command:?}: {help}");
        }
        let is_option = |line: &&str| line.trim_start().starts_with('-') && line.contains('<');
        for option in help.lines().skip_while(|line| !line.ends_with("ptions:")).filter(is_option) {
            assert!(option.contains("[default: "), "{command:?} does not tell a default: {option}");
        }
        let name = if command.is_empty() { "all".to_owned() } else { command.join("-") };
        insta::assert_snapshot!(format!("help_of_{name}"), help);
    }
}

#[test]
fn the_exit_codes_and_checks_are_in_the_document() {
    let (operator, document) = (Operator::new([]), document());
    let help = operator.text(&["--help"]);
    let codes: Vec<&str> =
        help.split("Exit codes:").nth(1).expect("the codes").lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(codes.len(), 5, "{codes:?}");
    for line in codes {
        let (code, meaning) = line.trim().split_once("  ").expect("a code and its meaning");
        assert!(document.contains(&format!("| {code} | {meaning} |")), "{line} is not in docs/command-line.md");
    }
    let report = operator.run(&["doctor", "--json", "--timeout", "0s"]);
    for check in read(&report.text)["checks"].as_array().expect("checks") {
        let name = check["name"].as_str().expect("a name");
        assert!(document.contains(&format!("| `{name}` |")), "{name} is not in docs/command-line.md");
    }
}

#[test]
fn completions_and_pages_are_written() {
    let operator = Operator::new([]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(operator.text(&["completions", shell]).contains("dead-letters"), "{shell}");
    }
    let page = operator.text(&["man"]);
    assert!(page.contains(".TH marty\\-events") || page.contains(".TH marty-events"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    operator.text(&["man", "--to", path]);
    for name in ["marty-events.1", "marty-events-relay.1", "marty-events-dead-letters-show.1"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    let nowhere = operator.run(&["man", "--to", &format!("{path}/nowhere")]);
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.complaint.contains("what to do: name a directory"), "{}", nowhere.complaint);
}

#[test]
fn faults_are_told_with_what_to_do_and_without_secrets() {
    let nothing = Operator::new([]);
    let unnamed = nothing.run(&["status"]);
    assert_eq!(unnamed.code, 2);
    assert_eq!(
        unnamed.complaint,
        "error: no database is named\n  what to do: set DATABASE_URL, or give --database-url\n"
    );
    let unnamed = read(&nothing.run(&["status", "--json"]).complaint);
    let expected = serde_json::json!({
        "exit_code": 2, "error": "no database is named", "causes": [], "advice": "set DATABASE_URL, or give --database-url",
    });
    assert_eq!(unnamed, expected);
    assert_eq!(nothing.run(&["no-such-command"]).code, 2);
    assert_eq!(nothing.run(&["relay", "--within", "1s"]).code, 2, "without --drain there is nothing to end");

    for (url, code, words) in [
        ("postgres://me:hunter2@127.0.0.1:1/x", 1, "PostgreSQL 127.0.0.1:1/x cannot be reached"),
        ("mysql://me:hunter2@127.0.0.1:1/x", 1, "MySQL 127.0.0.1:1/x cannot be reached"),
        ("sqlite:///no/such/folder/outbox.db", 1, "SQLite /no/such/folder/outbox.db cannot be reached"),
        ("oracle://me:hunter2@127.0.0.1:1/x", 2, "no outbox for the database of DATABASE_URL"),
        ("postgres://me:hunter2@127.0.0.1:port/x", 2, "the outbox could not read DATABASE_URL"),
        ("hunter2", 2, "no outbox"),
    ] {
        for option in [&["status", "--database-url", url] as &[&str], &["--database-url", url, "status"]] {
            let answer = nothing.run(option);
            assert_eq!(answer.code, code, "{answer:?}");
            assert!(
                answer.complaint.contains(words) && answer.complaint.contains("what to do: "),
                "{}",
                answer.complaint
            );
            assert!(!answer.complaint.contains("hunter2"), "{}", answer.complaint);
        }
    }
    let table = Operator::new([("DATABASE_URL", "sqlite::memory:".to_owned())]).run(&["status", "--table", "a-b"]);
    assert_eq!(table.code, 2);
    assert!(table.complaint.contains("`a-b` is not a table name"), "{}", table.complaint);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_is_no_failure() {
    let Some(database) = TestDatabase::create("a_reader_that_leaves_is_no_failure").await else { return };
    let publisher = marty_events::EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    write(&database, &publisher, (0..5_000).map(|key| created(&key.to_string()))).await;
    let mut command = Operator::of_database(&database).command(&["tail", "--outbox", "--no-follow", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

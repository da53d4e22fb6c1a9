//! `topics`: the topics of a file, in a cluster.

use std::fs;

use marty_events_tests::{printed, topics, wait};
use serde_json::{Value, json};

use super::catalogue::events;
use crate::support::operator::{Operator, read};
use crate::support::service::Service;

/// Topic, action and remark of each step.
fn steps(text: &str) -> Vec<(String, String, String)> {
    let word = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let remark = |step: &Value| step["remarks"][0].as_str().unwrap_or_default().to_owned();
    let plan = read(text);
    let steps = plan["topics"].as_array().expect("topics").iter();
    steps.map(|step| (word(step, "topic"), word(step, "action"), remark(step))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topics_are_created_and_no_other_is_changed() {
    let test = "missing_topics_are_created_and_no_other_is_changed";
    let Some(service) = Service::start(test).await else { return };
    let (operator, prefix) = (Operator::of(&service), &service.prefix);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.json"), events(&json!({})).to_string()).unwrap();
    let path = folder.path().join("topics.json");
    let write = |ledger: &Value| {
        let file = json!({
            "partitions": 2, "replication": 1, "config": {"retention.ms": 3_600_000}, "catalogues": ["events.json"],
            "topics": {"billing.ledger": ledger},
        });
        fs::write(&path, file.to_string()).unwrap();
    };
    let run = |command: &str, more: &[&str]| {
        let arguments = [&["topics", command, path.to_str().unwrap(), "--json"], more].concat();
        let answer = operator.run(&arguments);
        assert!(answer.complaint.is_empty(), "{answer:?}");
        (answer.code, steps(&answer.text))
    };
    let names = ["audit.events", "billing.ledger", "users.user.user_created"].map(|name| format!("{prefix}.{name}"));
    let all = |actions: [&str; 3]| -> Vec<(String, String, String)> {
        names.iter().zip(actions).map(|(name, action)| (name.clone(), action.to_owned(), String::new())).collect()
    };

    write(&json!({"partitions": 5, "config": {"cleanup.policy": "compact"}}));
    assert_eq!(run("plan", &[]), (0, all(["create"; 3])));
    assert_eq!(run("plan", &[]), (0, all(["create"; 3])), "a plan makes nothing");
    assert_eq!(run("apply", &[]), (0, all(["create"; 3])));
    // The controller has made them; the broker knows them a moment later.
    let kept = || run("plan", &[]) == (0, all(["keep"; 3]));
    wait::until("topics as they are wanted", || async { kept().then_some(()) }).await;
    assert_eq!(run("apply", &[]), (0, all(["keep"; 3])), "a second run changes nothing");
    assert_eq!(topics::records(service.publisher.bootstrap_servers(), prefix).await, 0);

    // A smaller number, another setting and another number of copies are refused.
    for (ledger, remark) in [
        (
            json!({"partitions": 4, "config": {"cleanup.policy": "compact"}}),
            "it has 5 partitions, and partitions cannot be removed",
        ),
        (
            json!({"partitions": 6, "config": {"cleanup.policy": "compact"}}),
            "it has 5 partitions; more of them move keys",
        ),
        (json!({"partitions": 5, "config": {"cleanup.policy": "delete"}}), "cleanup.policy is compact"),
        (json!({"partitions": 5, "replication": 2}), "it has 1 copies"),
    ] {
        write(&ledger);
        for command in ["plan", "apply"] {
            let (code, steps) = run(command, &[]);
            assert_eq!((code, steps[1].1.as_str()), (3, "refuse"), "{steps:?}");
            assert!(steps[1].2.contains(remark), "{steps:?}");
        }
    }
    write(&json!({"partitions": 5}));
    assert_eq!(run("apply", &[]), (0, all(["keep"; 3])), "nothing was changed");
    write(&json!({"partitions": 7}));
    assert_eq!(run("apply", &["--add-partitions"]), (0, all(["keep", "add-partitions", "keep"])));
    wait::until("topics as they are wanted", || async { kept().then_some(()) }).await;
    assert_eq!(run("apply", &["--add-partitions"]), (0, all(["keep"; 3])));

    // One topic that the brokers refuse keeps the others from being made.
    let refused = json!({"topics": {"new": {}, "wrong": {"config": {"no.such.setting": 1}}}});
    fs::write(&path, refused.to_string()).unwrap();
    for command in ["plan", "apply", "plan"] {
        let answer = operator.run(&["topics", command, path.to_str().unwrap()]);
        assert_eq!((answer.code, answer.text.as_str()), (1, ""));
        assert!(answer.complaint.contains(&format!("`{prefix}.wrong`")), "{}", answer.complaint);
    }
    let shown = printed::only("docs/command-line.md", "json topics");
    // The tests have one broker.
    let shown = printed::with(&shown, "\"replication\": 3", "\"replication\": 1");
    fs::write(&path, shown).unwrap();
    let (code, shown) = run("plan", &["--add-partitions"]);
    assert_eq!((code, shown.len()), (3, 3), "{shown:?}");
    assert!(shown[0].2.contains("min.insync.replicas is 1"), "{shown:?}");

    fs::write(&path, json!({"topics": {"new": {}}}).to_string()).unwrap();
    let made = operator.text(&["topics", "plan", path.to_str().unwrap()]);
    assert!(made.contains("create"), "{made}");
}

#[test]
fn topics_need_a_file_and_a_broker() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("events.json"), events(&json!({})).to_string()).unwrap();
    fs::write(path("other.json"), json!({"partition": 3}).to_string()).unwrap();
    let operator = Operator::new([("KAFKA_BROKERS", "127.0.0.1:1".to_owned())]);
    let nobody = operator.run(&["topics", "plan", &path("events.json"), "--timeout", "2s"]);
    assert_eq!((nobody.code, nobody.text.as_str()), (1, ""), "{nobody:?}");
    assert!(nobody.complaint.contains("what to do: "), "{}", nobody.complaint);
    let other = operator.run(&["topics", "apply", &path("other.json")]);
    assert_eq!(other.code, 2);
    assert!(other.complaint.contains("neither a file of events nor a file of topics"), "{}", other.complaint);
    assert_eq!(operator.run(&["topics", "apply", &path("events.json"), "--partitions", "0"]).code, 2);
}

//! `doctor`: the names of the relays, and the explanations of its checks. Snapshots hold the texts.

use marty_events::EventPublisher;
use marty_events_tests::database::TestDatabase;
use sqlx::AssertSqlSafe;

use crate::support::operator::{Operator, assert_check, bury, check, created, read, steady, write};
use crate::support::service::config;

async fn execute(database: &TestDatabase, sql: impl Into<String>) {
    sqlx::query(AssertSqlSafe(sql.into())).execute(&database.pool).await.expect("the statement is executed");
}

/// A relay that is alive for an hour; `names` are its service, host, process and version in SQL.
async fn enter(database: &TestDatabase, number: u8, names: &str) {
    let sql = format!(
        "INSERT INTO event_outbox_relays (relay, expires_at, service, host, process_id, version)
         VALUES ('00000000-0000-4000-8000-00000000000{number}', now() + interval '1 hour', {names})"
    );
    execute(database, sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_are_named_and_two_versions_side_by_side_are_warned_of() {
    let test = "relays_are_named_and_two_versions_side_by_side_are_warned_of";
    let Some(database) = TestDatabase::create(test).await else { return };
    let operator = Operator::of_database(&database).with("KAFKA_BROKERS", "127.0.0.1:1");
    let doctor = || operator.run(&["doctor", "--json", "--timeout", "1s"]);
    enter(&database, 1, "'users', 'pod-1', 7, '0.1.0'").await;
    enter(&database, 2, "'users', 'pod-2', 7, '0.1.0'").await;
    execute(&database, "UPDATE event_outbox_lanes SET owner = '00000000-0000-4000-8000-000000000001'").await;
    let report = doctor();
    assert_check(&report, "relay", "ok", "", "");
    assert_eq!(
        check(&report, "relay")["found"],
        "2 working or standing by\n\
         users on pod-1, process 7, version 0.1.0, lanes 1-16\n\
         users on pod-2, process 7, version 0.1.0, no lanes"
    );
    enter(&database, 3, "'users', 'pod-3', 7, '0.2.0'").await;
    assert_check(&doctor(), "relay", "warning", "these are of different versions", "while a release is rolled out");
    // A relay of a version that wrote no names.
    execute(&database, "DELETE FROM event_outbox_relays WHERE version = '0.2.0'").await;
    enter(&database, 3, "NULL, NULL, NULL, NULL").await;
    let found = "000000000003, of a version without names, no lanes\nthese are of different versions";
    assert_check(&doctor(), "relay", "warning", found, "restart them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_of_each_check_why_it_matters() {
    let Some(database) = TestDatabase::create("a_report_says_of_each_check_why_it_matters").await else { return };
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    write(&database, &publisher, [created("1")]).await;
    bury(&database, "no room").await;
    write(&database, &publisher, [created("2")]).await;
    let operator = Operator::of_database(&database).with("KAFKA_BROKERS", "127.0.0.1:1");
    let report = operator.run(&["doctor", "--explain", "--timeout", "1s"]);
    assert_eq!(report.code, 3, "{report:?}");
    // The Kafka client's own words differ from run to run.
    let lines = report.text.lines().map(|line| line.split_once(" (127.0.0.1:1/").map_or(line, |(found, _)| found));
    insta::assert_snapshot!("a_report_with_explanations", steady(&lines.collect::<Vec<_>>().join("\n")));

    let report = operator.run(&["doctor", "--explain", "--json", "--timeout", "1s"]);
    for check in read(&report.text)["checks"].as_array().expect("checks") {
        let has = |part: &str| check[part].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("why") && has("what_to_do"), "{check}");
    }
    let plain = operator.run(&["doctor", "--json", "--timeout", "1s"]);
    assert!(check(&plain, "relay").get("why").is_none(), "{plain:?}");
}

#[test]
fn a_check_is_explained_without_a_server() {
    let operator = Operator::new([]);
    let help = operator.text(&["doctor", "--help"]);
    let names = help.split("possible values: ").nth(1).and_then(|rest| rest.split(']').next()).expect("the checks");
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| *name != "all").collect();
    let texts: Vec<String> = names.iter().map(|name| operator.text(&["doctor", "--explain", name])).collect();
    insta::assert_snapshot!("explanations", texts.join("\n"));

    let answer = &operator.json(&["doctor", "--explain", "relay"])[0];
    assert_eq!(answer["name"], "relay");
    assert!(answer["why"].as_str().is_some_and(|text| text.starts_with("Only a relay carries")), "{answer}");
    let misspelt = operator.run(&["doctor", "--explain", "rely"]);
    assert_eq!(misspelt.code, 2);
    assert!(misspelt.complaint.contains("relay"), "{misspelt:?}");
}

//! The versions on docs/compatibility.md against the project's own files.

use std::collections::BTreeMap;

use marty_events_tests::printed;

const PAGE: &str = "docs/compatibility.md";

/// The first two cells of each row of the page.
fn rows() -> Vec<(String, String)> {
    let page = printed::file(PAGE);
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = |row: &str| {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    };
    rows.map(cells).collect()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("there is no {begin}"));
    rest.split(end).next().unwrap_or_default()
}

#[test]
fn the_crates_are_those_of_the_workspace() {
    let lock = printed::file("Cargo.lock");
    let manifest = printed::file("Cargo.toml");
    let mut checked = 0;
    for (name, version) in rows() {
        if name == "Rust" {
            assert_eq!(version, between(&manifest, "rust-version = \"", "\""));
        }
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        if version.is_empty() || !version.starts_with(|letter: char| letter.is_ascii_digit()) {
            continue;
        }
        // `0.9` is 0.9.x, and `1` is 1.x.
        let locked = format!("name = \"{name}\"\nversion = \"{version}.");
        assert!(lock.contains(&locked), "{name} {version} is not in Cargo.lock");
        checked += 1;
    }
    assert!(7 <= checked, "{checked} crates are compared");
}

#[test]
fn the_servers_are_those_of_the_tests() {
    let rows: BTreeMap<String, String> = rows().into_iter().collect();
    let has = |begin: &str| rows.keys().any(|name| name.starts_with(begin));
    let kafka = printed::file("scripts/kafka/pom.xml");
    let version = between(&kafka, "<kafka.version>", "<");
    assert!(has(&format!("Apache Kafka {version}, ")), "Apache Kafka {version} is not on {PAGE}");
    let connect = printed::file("scripts/connect/pom.xml");
    let debezium = between(&connect, "<debezium.version>", ".Final");
    let worker = between(&connect, "<kafka.version>", "<");
    assert!(has(&format!("Debezium {debezium} in Kafka Connect {worker},")), "Debezium {debezium}, Connect {worker}");
    let events = between(&connect, "<cloudevents.version>", "<");
    assert!(has(&format!("CloudEvents SDKs for Rust 0.9 and Java {events}")), "CloudEvents {events}");
    let python = printed::file("tests/docs/consumer.requirements.txt");
    let client = between(&python, "confluent-kafka==", "\n");
    assert!(has(&format!("confluent-kafka for Python {client}")), "confluent-kafka {client}");
    let chart = printed::file("packaging/helm/marty-events-relay/Chart.yaml");
    let kubernetes = between(&chart, "kubeVersion: \">=", ".0-0");
    assert!(has(&format!("Kubernetes {kubernetes} and later")), "Kubernetes {kubernetes}");
    // The other page about databases says the same.
    let databases = printed::file("docs/databases.md");
    let tested = databases.lines().find(|line| line.starts_with("| tested on |")).expect("the databases");
    for name in ["PostgreSQL", "MariaDB"] {
        assert!(tested.contains(&format!("{name} {}", rows[name])), "{name} {}: {tested}", rows[name]);
    }
}

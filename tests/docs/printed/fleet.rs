//! Alert rules and dashboard before a fleet: ten services with two processes each, all of them one job. Prometheus' own `promtool` plays it.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use marty_events_tests::{printed, servers};
use serde_json::{Value, json};

use super::root;

pub(super) const SERVICES: [&str; 10] =
    ["accounts", "billing", "catalogue", "certificates", "ledger", "mail", "orders", "shipping", "stock", "users"];
pub(super) const JOB: &str = "services";

/// The series of a fleet in which nobody suffers, and the length of its time.
pub(super) struct Fleet {
    series: BTreeMap<String, String>,
    pub(super) minutes: u32,
}

/// A fleet, and the labels of the alerts that fire at the end of its time.
pub(super) struct Case {
    pub(super) fleet: Fleet,
    pub(super) firing: Vec<String>,
    /// A panel, and the one value that it shows.
    pub(super) panel: Option<(&'static str, String, f64)>,
}

impl Fleet {
    pub(super) fn healthy(minutes: u32) -> Self {
        let mut fleet = Self { series: BTreeMap::new(), minutes };
        for service in SERVICES {
            for process in ["1", "2"] {
                fleet.add(service, process);
            }
        }
        fleet
    }

    fn add(&mut self, service: &str, process: &str) {
        let names = format!("service=\"{service}\",host=\"{service}-{process}\",process_id=\"7\",version=\"0.1.0\"");
        let steady = [
            ("relay_lanes", "", 8),
            ("relay_info", names.as_str(), 1),
            ("relay_oldest_age_seconds", "", 2),
            ("outbox_pending", "", 7),
            ("outbox_oldest_age_seconds", "", 3),
            ("outbox_dead_letters", "", 0),
            ("dead_letters_total", "", 0),
            ("circuit_open", "dependency=\"broker\"", 0),
            ("circuit_open", "dependency=\"database\"", 0),
            ("circuit_open", "dependency=\"listener\"", 0),
        ];
        for (metric, labels, value) in steady {
            self.set(metric, service, process, labels, &format!("{value}+0x{}", self.minutes));
        }
        self.set("outbox_counted_timestamp_seconds", service, process, "", &format!("0+60x{}", self.minutes));
        self.set("relayed_total", service, process, "", &format!("0+600x{}", self.minutes));
        for (route, outcome) in [("outbox", "accepted"), ("outbox", "failed"), ("direct", "failed"), ("direct", "kept")]
        {
            let slope = if outcome == "accepted" { 600 } else { 0 };
            let values = format!("0+{slope}x{}", self.minutes);
            self.publishes(service, process, route, outcome, &values);
        }
    }

    /// Gives a series of a relay other values.
    fn set(&mut self, metric: &str, service: &str, process: &str, labels: &str, values: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let outbox = format!("outbox=\"{service}.event_outbox\"{comma}{labels}");
        self.put(metric, service, process, &outbox, values);
    }

    fn publishes(&mut self, service: &str, process: &str, route: &str, outcome: &str, values: &str) {
        let labels = format!("service=\"{service}\",kind=\"domain\",route=\"{route}\",outcome=\"{outcome}\"");
        self.put("published_total", service, process, &labels, values);
    }

    pub(super) fn put(&mut self, metric: &str, service: &str, process: &str, labels: &str, values: &str) {
        let series = format!("marty_events_{metric}{{job=\"{JOB}\",instance=\"{service}-{process}\",{labels}}}");
        self.series.insert(series, values.to_owned());
    }

    /// All that a process shows ends after ten minutes.
    fn ends(&mut self, service: &str, process: &str) {
        let instance = format!("instance=\"{service}-{process}\"");
        for (_, values) in self.series.iter_mut().filter(|(series, _)| series.contains(&instance)) {
            let (begin, _) = values.split_once('x').expect("a number of values");
            *values = format!("{begin}x10 stale");
        }
    }

    fn end_all(&mut self, service: &str) {
        self.ends(service, "1");
        self.ends(service, "2");
    }
}

/// The value `bad` from the tenth minute on, after `good`.
pub(super) fn turns(good: u32, bad: u32, minutes: u32) -> String {
    format!("{good}+0x9 {bad}+0x{minutes}")
}

pub(super) fn alert(name: &str, severity: &str, labels: &str) -> String {
    format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\",severity=\"{severity}\",job=\"{JOB}\",{labels}}}")
}

fn no_relay(service: &str) -> String {
    alert("MartyEventsNoRelay", "critical", &format!("outbox=\"{service}.event_outbox\""))
}

fn cases() -> Vec<Case> {
    let mut cases = vec![Case { fleet: Fleet::healthy(60), firing: vec![], panel: None }];
    let mut add = |minutes, change: &dyn Fn(&mut Fleet), firing: Vec<String>, panel| {
        let mut fleet = Fleet::healthy(minutes);
        change(&mut fleet);
        cases.push(Case { fleet, firing, panel });
    };
    let lanes = "Lanes with a relay";
    let outbox = |service: &str| format!("{{job=\"{JOB}\",outbox=\"{service}.event_outbox\"}}");
    // A process is gone, and nobody has taken its lanes; then one whose lanes the other has.
    add(60, &|fleet| fleet.ends("billing", "2"), vec![no_relay("billing")], Some((lanes, outbox("billing"), 8.0)));
    let takes_over = |fleet: &mut Fleet| {
        fleet.ends("billing", "2");
        fleet.set("relay_lanes", "billing", "1", "", &turns(8, 16, 60));
    };
    add(60, &takes_over, vec![], None);
    // The service has no relay, and so no series that would say so.
    let one_ends = |fleet: &mut Fleet| fleet.end_all("mail");
    add(60, &one_ends, vec![no_relay("mail")], Some((lanes, outbox("mail"), 0.0)));
    let all_end = |fleet: &mut Fleet| SERVICES.iter().for_each(|service| fleet.end_all(service));
    add(60, &all_end, SERVICES.map(no_relay).into(), None);
    // A key suffers in one process.
    let holds_back = |fleet: &mut Fleet| {
        fleet.set("relay_oldest_age_seconds", "orders", "1", "", &turns(2, 90, 60));
        for process in ["1", "2"] {
            fleet.set("outbox_oldest_age_seconds", "orders", process, "", &turns(3, 90, 60));
        }
    };
    let held_back = "instance=\"orders-1\",outbox=\"orders.event_outbox\"";
    let waits = alert("MartyEventsOldestEventWaits", "warning", "outbox=\"orders.event_outbox\"");
    let holds = alert("MartyEventsRelayHoldsEventBack", "warning", held_back);
    add(60, &holds_back, vec![waits, holds], Some(("Oldest waiting event", outbox("orders"), 90.0)));
    // The last value of a relay without lanes says nothing.
    let has_left = |fleet: &mut Fleet| {
        fleet.set("relay_oldest_age_seconds", "orders", "1", "", &turns(2, 90, 60));
        fleet.set("relay_lanes", "orders", "1", "", &turns(8, 0, 60));
        fleet.set("relay_lanes", "orders", "2", "", &turns(8, 16, 60));
    };
    add(60, &has_left, vec![], None);
    let cut_off = |fleet: &mut Fleet| {
        fleet.set("circuit_open", "stock", "1", "dependency=\"database\"", &turns(0, 1, 60));
    };
    let away = "outbox=\"stock.event_outbox\",dependency=\"database\"";
    let panel = ("Dependencies away", format!("{{job=\"{JOB}\",{away}}}"), 1.0);
    add(60, &cut_off, vec![alert("MartyEventsDependencyAway", "critical", away)], Some(panel));
    let buries = |fleet: &mut Fleet| {
        fleet.set("dead_letters_total", "ledger", "2", "", &turns(0, 1, 10));
        fleet.set("outbox_dead_letters", "ledger", "1", "", &turns(0, 1, 10));
    };
    let new = alert("MartyEventsNewDeadLetters", "critical", "outbox=\"ledger.event_outbox\"");
    add(20, &buries, vec![new], Some(("Dead letters", outbox("ledger"), 1.0)));
    let lie = |fleet: &mut Fleet| fleet.set("outbox_dead_letters", "shipping", "1", "", &turns(0, 3, 1_500));
    let left = alert("MartyEventsDeadLettersLie", "warning", "outbox=\"shipping.event_outbox\"");
    add(1_500, &lie, vec![left], None);
    let fails = |fleet: &mut Fleet| fleet.publishes("accounts", "1", "direct", "failed", "0+0x15 5+0x5");
    let lost = "service=\"accounts\",kind=\"domain\",route=\"direct\"";
    add(18, &fails, vec![alert("MartyEventsPublishFailures", "critical", lost)], None);
    let keeps = |fleet: &mut Fleet| fleet.publishes("catalogue", "1", "direct", "kept", "0+1x60");
    let kept = alert("MartyEventsDirectEventsKept", "warning", "service=\"catalogue\",kind=\"domain\"");
    add(60, &keeps, vec![kept], None);
    let stands = |fleet: &mut Fleet| {
        for process in ["1", "2"] {
            fleet.set("outbox_counted_timestamp_seconds", "certificates", process, "", "0+0x60");
        }
    };
    let old = alert("MartyEventsCountsAreOld", "warning", "outbox=\"certificates.event_outbox\"");
    add(60, &stands, vec![old], Some(("Age of the counts", outbox("certificates"), 3_600.0)));
    cases
}

/// An expression of the dashboard, as Grafana sends it for the whole fleet.
fn asked(expression: &str) -> String {
    ["$job", "$outbox", "$service", "$group"]
        .iter()
        .fold(expression.replace("$__rate_interval", "5m"), |text, variable| text.replace(variable, ".*"))
}

/// The panels' titles and expressions.
fn panels() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&printed::file("docs/operations/dashboard.json")).expect("JSON");
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            found.push((text(&panel["title"]), asked(&text(&target["expr"]))));
        }
    }
    found
}

fn played(case: &Case) -> Value {
    let Case { fleet, firing, panel } = case;
    let end = format!("{}m", fleet.minutes);
    let series: Vec<_> =
        fleet.series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
    let sample = |labels: &String, value: f64| json!({"labels": labels, "value": value});
    let mut asked = vec![json!({
        "expr": "ALERTS{alertstate=\"firing\"}", "eval_time": end,
        "exp_samples": firing.iter().map(|labels| sample(labels, 1.0)).collect::<Vec<_>>(),
    })];
    if let Some((title, labels, value)) = panel {
        let (_, expression) = panels().into_iter().find(|(panel, _)| panel == title).expect("a panel");
        asked.push(json!({"expr": expression, "eval_time": end, "exp_samples": [sample(labels, *value)]}));
    }
    json!({"interval": "1m", "input_series": series, "promql_expr_test": asked})
}

fn promtool(arguments: &[&str], file: &Path) {
    let output = Command::new("promtool").args(arguments).arg(file).output().expect("promtool runs");
    let told = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{}", told.join("\n"));
}

pub(super) fn is_missing(test: &str) -> bool {
    let is_missing = Command::new("promtool").arg("--version").output().is_err();
    if is_missing {
        servers::skip(test, "there is no promtool; run scripts/test, which fetches it");
    }
    is_missing
}

/// Plays the cases before the rules.
pub(super) fn play(cases: &[Case]) {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = root().join("docs/operations/alerts.yaml");
    promtool(&["check", "rules"], &rules);
    let tests: Vec<_> = cases.iter().map(played).collect();
    let fleet = json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests});
    let file = folder.path().join("fleet.json");
    fs::write(&file, fleet.to_string()).expect("the file");
    promtool(&["test", "rules"], &file);
}

#[test]
fn an_alert_names_the_one_service_of_ten_that_suffers() {
    if !is_missing("an_alert_names_the_one_service_of_ten_that_suffers") {
        play(&cases());
    }
}

#[test]
fn every_panel_asks_in_promql() {
    if is_missing("every_panel_asks_in_promql") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rules = panels().into_iter().enumerate();
    let rules: Vec<_> = rules
        .map(|(number, (_, expression))| json!({"record": format!("panel:{number}"), "expr": expression}))
        .collect();
    let file = folder.path().join("panels.json");
    fs::write(&file, json!({"groups": [{"name": "panels", "rules": rules}]}).to_string()).expect("the file");
    promtool(&["check", "rules"], &file);
}

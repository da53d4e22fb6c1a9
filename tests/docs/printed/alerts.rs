//! Alerts and panels, checked by a YAML reader and the metrics' table. Prometheus' own `promtool` plays them in `fleet.rs`.

use std::collections::{BTreeMap, BTreeSet};

use marty_events_tests::printed;
use regex::Regex;
use serde_json::Value;

const ALERTS: &str = "docs/operations/alerts.yaml";
/// Labels that Prometheus adds, and that of a histogram's buckets.
const OF_PROMETHEUS: [&str; 3] = ["job", "instance", "le"];
const WORDS: [&str; 22] = [
    "sum",
    "max",
    "min",
    "by",
    "on",
    "and",
    "or",
    "absent",
    "absent_over_time",
    "present_over_time",
    "topk",
    "bottomk",
    "increase",
    "rate",
    "time",
    "histogram_quantile",
    "without",
    "unless",
    "deriv",
    "resets",
    "avg",
    "count",
];

/// The labels of each metric, from the tables of docs/observability.md.
fn labels() -> BTreeMap<String, BTreeSet<String>> {
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let page = printed::file("docs/observability.md");
    let rows = page.lines().filter(|line| line.starts_with("| `marty_events_"));
    let metrics = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        (names(cells[1]).remove(0), names(cells[3]).into_iter().collect())
    });
    metrics.collect()
}

/// The labels of an expression's result. The error is the expression's fault.
fn labels_of(expression: &str, metrics: &BTreeMap<String, BTreeSet<String>>) -> Result<BTreeSet<String>, String> {
    let pattern = |text: &str| Regex::new(text).expect("a pattern");
    let texts = pattern(r#""[^"]*""#).replace_all(expression, "\"\"").replace("$__rate_interval", "5m");
    let mut open = Vec::new();
    for letter in texts.chars() {
        match letter {
            '(' | '{' | '[' => open.push(letter),
            ')' | '}' | ']' => {
                let begun = open.pop();
                let fits = matches!((begun, letter), (Some('('), ')') | (Some('{'), '}') | (Some('['), ']'));
                fits.then_some(()).ok_or_else(|| format!("`{letter}` closes {begun:?}"))?;
            }
            _ => {}
        }
    }
    open.is_empty().then_some(()).ok_or_else(|| format!("{open:?} is not closed"))?;

    let mut of_metrics: BTreeSet<String> = OF_PROMETHEUS.map(str::to_owned).into();
    for found in pattern(r"(marty_events_\w+)(\{[^}]*\})?").captures_iter(&texts) {
        let name = found[1].trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
        let own = metrics.get(name).ok_or_else(|| format!("there is no metric {name}"))?;
        for label in pattern(r"(\w+)\s*(=~|!=|!~|=)").captures_iter(found.get(2).map_or("", |braces| braces.as_str())) {
            let is_known = own.contains(&label[1]) || OF_PROMETHEUS.contains(&&label[1]);
            is_known.then_some(()).ok_or_else(|| format!("{name} has no label {}", &label[1]))?;
        }
        of_metrics.extend(own.iter().cloned());
    }
    let mut kept = None;
    for list in pattern(r"\b(by|on)\s*\(([^)]*)\)").captures_iter(&texts) {
        let list_of: BTreeSet<String> = list[2].split(',').map(|label| label.trim().to_owned()).collect();
        if let Some(unknown) = list_of.iter().find(|label| !of_metrics.contains(*label)) {
            return Err(format!("no metric of it has the label {unknown}"));
        }
        if &list[1] == "by" {
            kept.get_or_insert(list_of);
        }
    }
    let bare = pattern(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on)\s*\([^)]*\)").replace_all(&texts, " ").into_owned();
    for word in pattern(r"[a-zA-Z_]\w*").find_iter(&bare).map(|word| word.as_str()) {
        let is_known = word.starts_with("marty_events_") || WORDS.contains(&word);
        is_known.then_some(()).ok_or_else(|| format!("{word} is not a word of PromQL that is known here"))?;
    }
    Ok(kept.unwrap_or(of_metrics))
}

#[test]
fn every_alert_asks_for_labels_that_its_metrics_have() {
    let metrics = labels();
    assert_eq!(metrics.len(), 30, "{metrics:?}");
    let rules: Value = serde_yaml_ng::from_str(&printed::file(ALERTS)).expect("YAML");
    let page = printed::file("docs/observability.md");
    let duration = Regex::new(r"^[0-9]+(s|m|h|d)$").expect("a pattern");
    let named = Regex::new(r"\$labels\.(\w+)").expect("a pattern");
    let mut count = 0;
    for group in rules["groups"].as_array().expect("groups") {
        assert!(group["name"].is_string(), "{group}");
        for rule in group["rules"].as_array().expect("rules") {
            count += 1;
            let name = rule["alert"].as_str().expect("a name");
            let keys: Vec<&str> = rule.as_object().expect("a rule").keys().map(String::as_str).collect();
            let known = ["alert", "expr", "for", "labels", "annotations"];
            assert!(keys.iter().all(|key| known.contains(key)), "{name}: {keys:?}");
            let expression = rule["expr"].as_str().expect("an expression");
            let kept = labels_of(expression, &metrics).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            for text in rule["annotations"].as_object().expect("annotations").values() {
                let text = text.as_str().expect("text");
                assert_eq!(text.matches("{{").count(), text.matches("}}").count(), "{name}");
                for label in named.captures_iter(text) {
                    assert!(kept.contains(&label[1]), "{name} has no label {} to show: {kept:?}", &label[1]);
                }
            }
            assert!(rule["for"].as_str().is_none_or(|time| duration.is_match(time)), "{name}: {}", rule["for"]);
            assert!(rule["labels"]["severity"].is_string(), "{name}");
            assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/observability.md");
        }
    }
    assert_eq!(count, page.lines().filter(|line| line.starts_with("| `MartyEvents")).count());
}

#[test]
fn every_panel_asks_for_labels_that_its_metrics_have() {
    let metrics = labels();
    let dashboard: Value = serde_json::from_str(&printed::file("docs/operations/dashboard.json")).expect("JSON");
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            labels_of(expression, &metrics).unwrap_or_else(|fault| panic!("{}: {fault}", panel["title"]));
        }
    }
}

#[test]
fn a_wrong_expression_is_noticed() {
    let metrics = labels();
    for (expression, word) in [
        ("sum by (job) (marty_events_relay_lane)", "marty_events_relay_lane"),
        ("sum by (service) (marty_events_relayed_total)", "service"),
        ("marty_events_published_total{result=\"failed\"}", "result"),
        ("sum(marty_events_relay_lanes", "not closed"),
        ("summe(marty_events_relay_lanes)", "summe"),
    ] {
        let fault = labels_of(expression, &metrics).expect_err(expression);
        assert!(fault.contains(word), "{expression}: {fault}");
    }
}

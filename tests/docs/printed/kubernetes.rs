//! The chart, and the manifests that are made from it. `tests/chart` renders with Helm's own engine and reads each object strictly as the
//! type that Kubernetes has for it. A server's further checks need a cluster, and are not made.

mod schemas;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use marty_events_tests::{printed, servers};
use serde_json::Value;

use super::{commands, environment, root};

const CHART: &str = "packaging/helm/marty-events-relay";
const VALUES: &str = "packaging/kubernetes/values.yaml";
const RELAY: &str = "packaging/kubernetes/relay.yaml";
const MIGRATION: &str = "packaging/kubernetes/migration.yaml";
const PAGE: &str = "docs/guide/kubernetes.md";

/// The program of `tests/chart`, or nothing after reporting `test` as skipped.
fn program(test: &str) -> Option<PathBuf> {
    let program = env::var_os("MARTY_EVENTS_CHART").map(PathBuf::from);
    if program.is_none() {
        servers::skip(test, "MARTY_EVENTS_CHART is not set; run scripts/test, which builds it with go");
    }
    program
}

fn run(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().expect("it runs");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn objects(manifests: &str) -> Vec<Value> {
    let documents = manifests.split("---\n").filter(|text| text.contains("kind: "));
    documents.map(|text| serde_yaml_ng::from_str(text).expect("YAML")).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("there is no {kind}"))
}

fn kinds(manifests: &str) -> Vec<String> {
    objects(manifests).iter().map(|object| object["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn the_chart_makes_objects_that_kubernetes_knows() {
    let Some(program) = program("the_chart_makes_objects_that_kubernetes_knows") else { return };
    let plain = run(&program, &["render", CHART]).expect("the chart's own values");
    assert_eq!(kinds(&plain), ["Deployment", "Job", "PodDisruptionBudget"]);
    let whole = run(&program, &["render", CHART, VALUES]).expect("everything");
    assert_eq!(kinds(&whole), ["Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor"]);
    // The values that the guide shows.
    for block in printed::all(PAGE, "yaml") {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
        fs::write(file.path(), &block.text).expect("a file");
        run(&program, &["render", CHART, &file.path().display().to_string()]).expect(&block.heading);
    }
}

#[test]
fn a_mistake_in_the_values_is_noticed() {
    let Some(program) = program("a_mistake_in_the_values_is_noticed") else { return };
    for (values, word) in [
        ("replica: 3\n", "replica"),
        ("secrets: {KAFKA_SASL_PASSWORD: {name: users}}\n", "key"),
        ("environment: {KAFKA_BROKERS: 1}\n", "KAFKA_BROKERS"),
        ("volumes: [{name: ca, configmap: {name: ca}}]\n", "configmap"),
    ] {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
        fs::write(file.path(), values).expect("a file");
        let fault = run(&program, &["render", CHART, &file.path().display().to_string()]).expect_err(values);
        assert!(fault.contains(word), "{values}: {fault}");
    }
}

/// Without Helm's own labels and annotations, which mean nothing outside of a release.
fn without_helm(document: &str) -> String {
    let is_helms =
        |line: &str| line.contains("helm.sh/") || line.contains("managed-by: Helm") || line.contains("a hook");
    let kept: String = document.lines().filter(|line| !is_helms(line)).flat_map(|line| [line, "\n"]).collect();
    kept.replace("  annotations:\nspec:", "spec:")
}

/// `UPDATE_MANIFESTS=1` writes them anew.
#[test]
fn the_manifests_are_those_of_the_chart() {
    let Some(program) = program("the_manifests_are_those_of_the_chart") else { return };
    let rendered = run(&program, &["render", CHART, VALUES]).expect("everything");
    let documents: Vec<String> =
        rendered.split("---\n").filter(|text| !text.trim().is_empty()).map(without_helm).collect();
    let (migration, relay): (Vec<String>, Vec<String>) =
        documents.into_iter().partition(|text| text.contains("kind: Job\n"));
    for (path, documents) in [(MIGRATION, migration), (RELAY, relay)] {
        let made = format!(
            "# Made from the chart with the values beside it; see docs/guide/kubernetes.md.\n---\n{}",
            documents.join("---\n")
        );
        if env::var_os("UPDATE_MANIFESTS").is_some() {
            fs::write(root().join(path), &made).expect("a file");
        }
        assert_eq!(printed::file(path), made, "{path}: UPDATE_MANIFESTS=1 writes it anew");
        run(&program, &["read", path]).expect(path);
    }
}

/// By the manifests, and so on every machine: the names in them are those of the command, the image and each other.
#[test]
fn the_manifests_fit_the_command() {
    let relay = objects(&printed::file(RELAY));
    let deployment = of_kind(&relay, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let migration = objects(&printed::file(MIGRATION));
    let job = &of_kind(&migration, "Job")["spec"]["template"]["spec"]["containers"][0];

    let text = |value: &Value| value.as_str().expect("text").to_owned();
    for container in [container, job] {
        let words: Vec<String> = container["args"].as_array().expect("arguments").iter().map(text).collect();
        commands::is_accepted(&words).unwrap_or_else(|fault| panic!("{words:?}: {fault}"));
        let variables = container["env"].as_array().expect("variables").iter();
        // Secrets have no value here, and the configuration wants the password beside the name.
        let value = |variable: &Value| match text(&variable["name"]).as_str() {
            "DATABASE_URL" => "postgres://relay:secret@db/users".to_owned(),
            _ => variable["value"].as_str().unwrap_or("secret").to_owned(),
        };
        let variables: Vec<_> = variables.map(|variable| (text(&variable["name"]), value(variable))).collect();
        assert_eq!(environment::faults(&variables), None);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    }

    let port = &container["ports"][0];
    let listen = &container["env"][0];
    assert_eq!(listen["name"], "MARTY_EVENTS_LISTEN");
    assert_eq!(listen["value"], format!("0.0.0.0:{}", port["containerPort"]));
    let served = printed::file("marty-events-cli/src/serve.rs");
    for probe in ["livenessProbe", "readinessProbe"] {
        let request = &container[probe]["httpGet"];
        assert!(served.contains(&format!("\"{}\"", text(&request["path"]))), "{request} is not served");
        assert_eq!(request["port"], port["name"]);
    }
    let monitored = &of_kind(&relay, "PodMonitor")["spec"];
    assert_eq!(monitored["podMetricsEndpoints"][0]["port"], port["name"]);
    let policy = &of_kind(&relay, "NetworkPolicy")["spec"];
    assert_eq!(policy["ingress"][0]["ports"][0]["port"], port["name"]);
    let brokers = text(&container["env"][1]["value"]);
    let opened = policy["egress"][1]["ports"].as_array().expect("ports");
    assert!(brokers.split(',').all(|broker| opened.iter().any(|port| broker.ends_with(&format!(":{}", port["port"])))));

    let labels = deployment["spec"]["template"]["metadata"]["labels"].as_object().expect("labels");
    let budget = &of_kind(&relay, "PodDisruptionBudget")["spec"];
    for selector in [
        &deployment["spec"]["selector"],
        &monitored["selector"],
        &policy["podSelector"],
        &budget["selector"],
        &pod["topologySpreadConstraints"][0]["labelSelector"],
    ] {
        let wanted = selector["matchLabels"].as_object().expect("labels");
        assert!(wanted.iter().all(|(name, value)| labels.get(name) == Some(value)), "{selector}");
    }
    let user = printed::file("packaging/Containerfile");
    assert!(user.contains(&format!("USER {0}:{0}\n", pod["securityContext"]["runAsUser"])), "the image's user");
    // `drain_time`, and some seconds above.
    assert!(15 <= pod["terminationGracePeriodSeconds"].as_u64().expect("seconds"));
}

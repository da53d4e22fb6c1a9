//! The same objects by the schemas of Kubernetes, which also say which fields are required. kubernetes-validate has them in its package.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use marty_events_tests::{printed, servers};

use super::{CHART, MIGRATION, RELAY, VALUES, program, root, run};

/// The oldest version that the chart allows, and the newest that the schemas are there for.
const VERSIONS: [&str; 2] = ["1.27", "1.37"];

/// The program with the schemas, or nothing after reporting `test` as skipped.
fn schemas(test: &str) -> Option<PathBuf> {
    let program = env::var_os("MARTY_EVENTS_KUBERNETES_VALIDATE").map(PathBuf::from);
    if program.is_none() {
        servers::skip(test, "MARTY_EVENTS_KUBERNETES_VALIDATE is not set; run scripts/test, which installs it by pip");
    }
    program
}

/// The faults that the schemas find in a file of objects. Kubernetes has no schema for another project's types.
fn faults(schemas: &Path, file: &Path) -> Vec<String> {
    let mut command = Command::new(schemas);
    for version in VERSIONS {
        command.args(["--kubernetes-version", version]);
    }
    let output = command.args(["--strict", "--quiet"]).arg(file).current_dir(root()).output().expect("it runs");
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let of_others = |line: &&str| line.starts_with("WARN ") && line.contains("api version monitoring.coreos.com/");
    said.lines().chain(complaint.lines()).filter(|line| !of_others(line)).map(str::to_owned).collect()
}

fn faults_of(schemas: &Path, manifests: &str) -> Vec<String> {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    fs::write(file.path(), manifests).expect("a file");
    faults(schemas, file.path())
}

#[test]
fn the_manifests_are_as_the_schemas_of_kubernetes_say() {
    let Some(schemas) = schemas("the_manifests_are_as_the_schemas_of_kubernetes_say") else { return };
    let oldest = printed::file(&format!("{CHART}/Chart.yaml"));
    assert!(oldest.contains(&format!("kubeVersion: \">={}.0-0\"", VERSIONS[0])), "{oldest}");
    for path in [RELAY, MIGRATION] {
        assert_eq!(faults(&schemas, &root().join(path)), [""; 0]);
    }
    let relay = printed::file(RELAY);
    for (right, wrong, fault) in [
        ("replicas: 2", "replicas: two", "spec.replicas: 'two' is not of type"),
        ("  replicas: 2", "  replica: 2", "'replica' was unexpected"),
        ("kind: Deployment", "kind: Deploymnt", "schema for kind Deploymnt"),
        ("apiVersion: apps/v1", "apiVersion: apps/v1beta1", "api version apps/v1beta1"),
        ("          image: ", "          imagePullSecret: ", "'imagePullSecret' was unexpected"),
    ] {
        let found = faults_of(&schemas, &printed::with(&relay, right, wrong)).join("\n");
        assert!(found.contains(fault), "{wrong}: {found}");
    }
}

#[test]
fn the_objects_of_the_chart_are_as_the_schemas_of_kubernetes_say() {
    let test = "the_objects_of_the_chart_are_as_the_schemas_of_kubernetes_say";
    let (Some(program), Some(schemas)) = (program(test), schemas(test)) else { return };
    let plain = run(&program, &["render", CHART]).expect("the chart's own values");
    let whole = run(&program, &["render", CHART, VALUES]).expect("everything");
    for rendered in [plain, whole] {
        assert_eq!(faults_of(&schemas, &rendered), [""; 0]);
    }
}

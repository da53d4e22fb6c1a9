//! Everything that the documentation prints and a reader may run has a test that runs it or checks it. A new kind of block, or a new
//! file beside the pages, fails here until it has one.

mod alerts;
mod commands;
mod container;
mod diagrams;
mod environment;
mod fleet;
mod fleet_groups;
mod kubernetes;
mod names;
mod shell;
mod unit;

use std::{collections::BTreeSet, path::Path, process::Command};

use marty_events_tests::printed::{self, Block};

use super::{files, read, root};

/// The runner of a block.
enum Runner {
    /// rustdoc, which a source of the workspace hands the page to.
    Doctest,
    /// The function of this name, which takes the text from the page.
    Test(&'static str),
    /// Nobody: it shows the output or a picture of something else, which the function of this name holds, or it cannot change.
    Shown(&'static str),
}

use Runner::{Doctest, Shown, Test};

/// A page or a folder, the words behind the fence, and the runner. The first rule that fits counts.
const RULES: &[(&str, &str, Runner)] = &[
    ("", "rust", Doctest),
    ("", "rust,no_run", Doctest),
    ("", "compile_fail", Doctest),
    ("marty-events/src/attributes/", "", Doctest),
    ("marty-events/src/lib.md", "", Doctest),
    ("docs/guide/testing.md", "rust,ignore", Test("the_project_of_the_template_passes_its_tests")),
    ("docs/guide/typed-events.md", "rust,ignore", Test("the_guide_shows_the_code_of_the_contract_crate")),
    ("docs/guide/typed-events.md", "sh ci", Test("a_breaking_change_fails_in_ci_and_a_compatible_one_passes")),
    ("docs/observability.md", "rust,ignore", Test("the_buckets_that_are_shown_are_those_of_the_command")),
    ("", "mermaid", Test("every_diagram_is_whole")),
    ("docs/guide/debezium.md", "ini", Test("debezium_sends_the_records_that_the_relay_sends")),
    ("docs/guide/debezium.md", "properties", Test("debezium_sends_the_records_that_the_relay_sends")),
    ("docs/guide/debezium.md", "json", Test("debezium_sends_the_records_that_the_relay_sends")),
    ("docs/guide/debezium.md", "sh", Test("debezium_sends_the_records_that_the_relay_sends")),
    ("docs/guide/debezium.md", "sql owner", Test("debezium_sends_the_records_that_the_relay_sends")),
    ("docs/guide/debezium.md", "sql superuser", Test("debezium_sends_the_records_that_the_relay_sends")),
    ("docs/security.md", "sql writer", Test("the_documented_rights_suffice_in_postgresql")),
    ("docs/security.md", "sql relay", Test("the_documented_rights_suffice_in_postgresql")),
    ("docs/guide/outbox.md", "sql", Test("the_statements_of_the_guide_run")),
    ("docs/guide/relay.md", "sql", Test("the_statements_of_the_guide_run")),
    ("docs/command-line.md", "json topics", Test("missing_topics_are_created_and_no_other_is_changed")),
    ("docs/command-line.md", "json", Test("the_status_that_is_shown_has_the_fields_of_the_command")),
    ("docs/wire-format.md", "json", Test("the_schema_that_is_shown_is_a_schema")),
    ("docs/console.md", "nginx", Test("the_proxy_that_is_shown_leads_to_the_console")),
    ("docs/guide/kubernetes.md", "yaml", Test("the_chart_makes_objects_that_kubernetes_knows")),
    ("docs/guide/consumers.md", "python", Test("the_consumer_in_python_handles_each_event_once")),
    ("docs/guide/opentelemetry.md", "toml", Test("the_dependencies_that_are_shown_are_those_of_the_workspace")),
    ("README.md", "toml", Test("the_dependencies_that_are_shown_are_those_of_the_workspace")),
    ("marty-events/src/attributes/keys.md", "toml", Test("the_manifest_key_that_is_shown_is_read")),
    ("marty-events/src/attributes/derive_domain_event.md", "toml", Test("the_manifest_key_that_is_shown_is_read")),
    ("docs/guide/typed-events.md", "toml", Test("the_manifest_key_that_is_shown_is_read")),
    ("", "sh", Test("every_command_is_one")),
    ("docs/guide/troubleshooting.md", "text", Test("the_page_has_every_text_of_the_errors")),
    ("docs/command-line.md", "text", Test("every_command_is_one")),
    ("examples/testing/README.md", "text", Shown("the tests' names, in the order of that run")),
    ("examples/", "text", Test("it_prints_what_the_readme_shows")),
    ("docs/architecture.md", "text", Shown("pictures")),
    ("docs/performance.md", "text", Shown("measurements of one machine")),
];

/// Files that a reader takes as they are.
const FILES: &[(&str, &str)] = &[
    ("packaging/Containerfile", "the_container_is_built_of_what_is_there"),
    ("packaging/marty-events-relay.service", "the_unit_is_one"),
    ("packaging/relay.env", "every_variable_of_the_environment_file_is_read"),
    ("packaging/helm/", "the_chart_makes_objects_that_kubernetes_knows"),
    ("packaging/kubernetes/", "the_manifests_are_those_of_the_chart"),
    ("compose.yaml", "the_servers_of_the_compose_file_are_those_of_the_tests"),
    ("docs/operations/alerts.yaml", "every_alert_asks_for_labels_that_its_metrics_have"),
    ("docs/operations/dashboard.json", "the_dashboard_is_json_and_each_of_its_panels_asks_for_something"),
    ("docs/examples-asyncapi.json", "the_asyncapi_document_is_that_of_the_contract_crate"),
    ("docs/book.toml", "every_page_of_the_book_is_in_its_summary"),
    ("docs/schemas/", "every_golden_record_is_as_the_schemas_say"),
    ("docs/images/routes.svg", "every_picture_is_whole"),
    ("docs/images/life-of-a-row.svg", "every_picture_is_whole"),
    ("docs/images/", "every_link_leads_somewhere"),
];

/// Every page that git knows of: pages of other tools do not count.
fn pages() -> Vec<String> {
    known().into_iter().filter(|path| is_page(path) && !path.starts_with("tests/compile-errors/ui/")).collect()
}

fn is_page(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

fn known() -> Vec<String> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git runs");
    // Outside of a clone, in an unpacked archive, there is nothing else than the project.
    let paths: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let paths = if paths.is_empty() { unpacked() } else { paths };
    paths.into_iter().filter(|path| root().join(path).is_file()).collect()
}

fn unpacked() -> Vec<String> {
    let root = root();
    let mut paths: Vec<String> = ["README.md", "CONTRIBUTING.md", "compose.yaml"].map(str::to_owned).into();
    for (folder, extension) in [
        ("docs", "md"),
        ("examples", "md"),
        ("packaging", "md"),
        ("marty-events/src", "md"),
        ("marty-events-cli", "md"),
        ("tests/peers", "md"),
    ] {
        let below = files(&root.join(folder), extension);
        paths.extend(below.iter().map(|path| path.strip_prefix(&root).expect("below").to_string_lossy().into_owned()));
    }
    paths
}

fn rule(block: &Block) -> Option<usize> {
    RULES.iter().position(|(page, info, _)| block.page.starts_with(page) && block.info == *info)
}

/// All of a kind, for its runner.
fn blocks_of(info: &str) -> Vec<Block> {
    pages().iter().flat_map(|page| printed::blocks(page)).filter(|block| block.info == info).collect()
}

fn sources() -> String {
    let folders = ["tests", "marty-events/src", "examples"];
    folders.iter().flat_map(|folder| files(&root().join(folder), "rs")).map(|path| read(&path)).collect()
}

/// True if a source names the page, as `tests/src/guide.rs` and the attributes' modules do for rustdoc.
fn is_tested_by_rustdoc(page: &str, sources: &str) -> bool {
    let below = page.strip_prefix("marty-events/src/").unwrap_or(page);
    sources.contains(&format!("\"{page}\"")) || sources.contains(&format!("\"{below}\""))
}

#[test]
fn every_block_has_a_runner() {
    let sources = sources();
    let (mut without, mut used) = (Vec::new(), BTreeSet::new());
    for block in pages().iter().flat_map(|page| printed::blocks(page)) {
        let place = format!("{}:{} `{}`", block.page, block.line, block.info);
        let rule = rule(&block);
        used.extend(rule);
        match rule.map(|rule| &RULES[rule].2) {
            None => without.push(format!("{place} has no rule in tests/docs/printed/mod.rs")),
            Some(Doctest) if !is_tested_by_rustdoc(&block.page, &sources) => {
                without.push(format!("{place}: no source hands its page to rustdoc; add it to tests/src/guide.rs"));
            }
            Some(Test(name)) if !sources.contains(&format!("fn {name}(")) => {
                without.push(format!("{place}: there is no test {name}"));
            }
            Some(Shown(why)) => assert!(!why.is_empty()),
            Some(Test(_) | Doctest) => {}
        }
    }
    assert!(without.is_empty(), "{without:#?}");
    let unused: Vec<_> = (0..RULES.len()).filter(|rule| !used.contains(rule)).map(|rule| RULES[rule].0).collect();
    assert_eq!(unused, [""; 0], "rules for blocks that are gone");
}

#[test]
fn every_file_that_is_taken_as_it_is_has_a_runner() {
    let sources = sources();
    let is_taken = |path: &&String| {
        let is_beside = path.starts_with("packaging/") || path.starts_with("docs/");
        (is_beside || !path.contains('/') && path.contains("compose")) && !is_page(path)
    };
    for path in known().iter().filter(is_taken) {
        let runner = FILES.iter().find(|(name, _)| path.starts_with(name));
        let (_, test) = runner.unwrap_or_else(|| panic!("{path} has no runner in tests/docs/printed/mod.rs"));
        assert!(sources.contains(&format!("fn {test}(")), "{path}: there is no test {test}");
    }
}

#[test]
fn an_unknown_kind_of_block_is_noticed() {
    let page = "# Title\n\n## Part\n\n  ```terraform\n  resource {\n    a = 1\n  ```\n";
    let blocks = printed::blocks_of("docs/new.md", page);
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].heading.as_str(), blocks[0].line), ("Part", 5));
    assert_eq!(blocks[0].text, "resource {\n  a = 1\n");
    assert!(rule(&blocks[0]).is_none());
}

//! Shell blocks: their syntax, and each of their commands by the program that it names.

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

use marty_events_tests::{
    printed::{self, Block},
    process::command_line,
};

use super::{blocks_of, environment, names, root, shell};

/// Commands that a server or an engine is needed for, and the tests that run them.
const ELSEWHERE: [(&str, &str); 4] = [
    ("kafka-acls", "the_printed_commands_give_the_rights"),
    ("kcat", "users_created_over_http_are_events_in_kafka_and_refused_ones_are_not"),
    ("curl", "users_created_over_http_are_events_in_kafka_and_refused_ones_are_not"),
    ("eval", "users_created_over_http_are_events_in_kafka_and_refused_ones_are_not"),
];

/// The command accepts the arguments: with `--help` behind them it reads all, and does nothing.
pub(super) fn is_accepted(arguments: &[String]) -> Result<(), String> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(command_line);
    let output = Command::new(program).args(arguments).arg("--help").env_clear().output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| said.into_owned())
}

/// Checks a command. The error is the command's fault.
fn check(words: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match program.as_str() {
        "marty-events" => is_accepted(arguments),
        "cargo" => names::cargo(&texts),
        "bash" => names::file(texts.first().unwrap_or(&"")),
        "podman" => podman(arguments),
        "helm" | "kubectl" => cluster(program, arguments),
        // The files that it copies; it does nothing else.
        "install" => texts.iter().find(|text| text.starts_with("packaging/")).map_or(Ok(()), |path| names::file(path)),
        "systemctl" => match &texts[..] {
            ["daemon-reload"] => Ok(()),
            ["enable", "--now", unit] => names::file(&format!("packaging/{unit}.service")),
            other => Err(format!("systemctl {other:?} is not known here")),
        },
        script if script.starts_with("scripts/") => names::script(script, &texts),
        other => {
            let known = ELSEWHERE.iter().any(|(name, _)| *name == other);
            known.then_some(()).ok_or_else(|| format!("nothing here runs {other}"))
        }
    }
}

/// The files that it names, and the arguments of the image's command.
fn podman(arguments: &[String]) -> Result<(), String> {
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--file" | "--env-file" => names::file(words.next().map_or("", String::as_str))?,
            "--tag" | "--env" | "--publish" => drop(words.next()),
            "." if arguments[0] == "build" => {}
            "marty-events" if arguments[0] == "run" => {
                let rest: Vec<String> = words.cloned().collect();
                return if rest.is_empty() { Ok(()) } else { is_accepted(&rest) };
            }
            other => return Err(format!("podman {} {other} is not known here", arguments[0])),
        }
    }
    Ok(())
}

/// The chart and the files that it names, and a command that runs inside of a pod.
fn cluster(program: &str, arguments: &[String]) -> Result<(), String> {
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for (flag, value) in texts.iter().zip(texts.iter().skip(1)).filter(|(_, value)| value.starts_with("packaging/")) {
        match *flag {
            "--filename" | "--values" => names::file(value)?,
            // The release's name is before the chart.
            _ if program == "helm" => names::file(&format!("{value}/Chart.yaml"))?,
            other => return Err(format!("{program} {other} {value} is not known here")),
        }
    }
    match (program, texts.first()) {
        ("helm", Some(&("upgrade" | "test"))) | ("kubectl", Some(&("apply" | "create" | "wait" | "rollout"))) => Ok(()),
        ("kubectl", Some(&"exec")) => {
            let begin = texts.iter().position(|text| *text == "--").ok_or("kubectl exec without a command")?;
            check(&arguments[begin + 1..])
        }
        (_, other) => Err(format!("{program} {other:?} is not known here")),
    }
}

/// A block of the template as a project has it. The project's own `cargo` commands are run by the template's test.
fn made(mut block: Block) -> Block {
    if block.page.starts_with("examples/template/") {
        let lines = block.text.lines().filter(|line| !line.starts_with("cargo "));
        block.text = lines.flat_map(|line| [line, "\n"]).collect::<String>().replace("{{project-name}}", "users");
        // The command has no in-process broker.
        block.text = printed::with(&block.text, "KAFKA_BROKERS=embedded", "KAFKA_BROKERS=kafka:9092");
    }
    block
}

fn faults(block: &Block) -> Vec<String> {
    let mut faults = Vec::new();
    let bash = Command::new("bash").args(["-n", "-c", &block.text]).output().expect("bash runs");
    if !bash.status.success() {
        faults.push(String::from_utf8_lossy(&bash.stderr).into_owned());
    }
    let lines = shell::lines(&block.text);
    for line in &lines {
        faults.extend(check(&line.words).err());
    }
    let variables: Vec<(String, String)> = lines.into_iter().flat_map(|line| line.variables).collect();
    faults.extend(environment::faults(&variables));
    faults.into_iter().map(|fault| format!("{}:{}: {fault}", block.page, block.line)).collect()
}

#[test]
fn every_command_is_one() {
    let faults: Vec<String> = blocks_of("sh").into_iter().map(made).flat_map(|block| faults(&block)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // Sessions with the command's output, of which the first line is the command.
    let sessions = printed::all("docs/command-line.md", "text");
    let commands: Vec<_> = sessions.iter().filter_map(|block| block.text.lines().next()?.strip_prefix("$ ")).collect();
    assert_eq!(commands.len(), sessions.len());
    for command in commands {
        let words = shell::lines(command).remove(0).words;
        check(&words).unwrap_or_else(|fault| panic!("{command}: {fault}"));
    }
}

#[test]
fn a_wrong_command_is_noticed() {
    let wrong = [
        ("marty-events rely", "rely"),
        ("marty-events relay --no-such-option", "--no-such-option"),
        ("cargo install --path marty-events --features no-such-feature", "no-such-feature"),
        ("cargo run -p no-such-package", "no-such-package"),
        ("scripts/no-such-script", "no-such-script"),
        ("podman build --file packaging/Dockerfile .", "Dockerfile"),
        ("helm upgrade --install users packaging/helm/no-such-chart", "no-such-chart"),
        ("kubectl apply --filename packaging/kubernetes/no-such-file.yaml", "no-such-file"),
        ("kubectl exec deployment/users -- marty-events rely", "rely"),
        ("KAFKA_BROKER=kafka:9092", "KAFKA_BROKER"),
        ("KAFKA_SECURITY_PROTOCOL=tls", "KAFKA_SECURITY_PROTOCOL"),
        ("terraform apply", "terraform"),
        ("if true", "syntax error"),
    ];
    for (text, word) in wrong {
        let page = format!("```sh\n{text}\n```\n");
        let found = faults(&printed::blocks_of("page", &page)[0]).join("\n");
        assert!(found.contains(word), "{text}: {found}");
    }
}

/// The commands that put the files in their places do so, below another root.
#[test]
fn the_files_of_the_packaging_are_put_in_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().display().to_string();
    let block = printed::under("packaging/README.md", "systemd", "sh");
    let installs: Vec<&str> = block.lines().filter(|line| line.starts_with("install ")).collect();
    let script = installs.join("\n").replace(" /etc/", &format!(" {to}/etc/"));
    let done = Command::new("bash").args(["-euc", &script]).current_dir(root()).status().unwrap();
    assert!(done.success());
    // The unit reads its environment from there.
    let unit = fs::read_to_string(folder.path().join("etc/systemd/system/marty-events-relay.service")).unwrap();
    let read = unit.lines().find_map(|line| line.strip_prefix("EnvironmentFile=")).unwrap();
    assert!(folder.path().join(read.trim_start_matches('/')).is_file(), "{read}");
}

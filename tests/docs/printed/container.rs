//! The Containerfile and the compose file. No engine is at hand that could build or start them. So they are read, and the names in them
//! are looked up.

use std::{collections::BTreeSet, process::Command};

use marty_events_tests::printed;
use serde_json::Value;

use super::{names, root, shell};

/// Instructions with their arguments, a line each (Dockerfile reference).
fn instructions(text: &str) -> Vec<(String, String)> {
    let text: String =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split_once(' ').map_or((line, ""), |pair| pair))
        .map(|(a, b)| (a.to_owned(), b.trim().to_owned()))
        .collect()
}

#[test]
fn the_container_is_built_of_what_is_there() {
    let instructions = instructions(&printed::file("packaging/Containerfile"));
    assert_eq!(instructions[0].0, "FROM");
    let (mut stages, mut made, mut installed) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (name, arguments) in &instructions {
        match name.as_str() {
            "FROM" => {
                assert!(arguments.starts_with("docker.io/library/"), "{arguments}: an image without its registry");
                let image = arguments.split_whitespace().next().expect("an image");
                assert!(image.contains(':') && !image.ends_with(":latest"), "{image} has no version");
                stages.extend(arguments.split_once(" AS ").map(|(_, stage)| stage.to_owned()));
            }
            "RUN" => {
                for command in arguments.split("&&").map(|command| shell::lines(command).remove(0).words) {
                    let words: Vec<&str> = command.iter().map(String::as_str).collect();
                    match &words[..] {
                        ["apt-get", "update"] | ["rm", "-rf", "/var/lib/apt/lists/*"] => {}
                        ["apt-get", "install", rest @ ..] => {
                            assert!(rest.contains(&"--yes") && rest.contains(&"--no-install-recommends"), "{rest:?}");
                            installed.extend(
                                rest.iter().filter(|word| !word.starts_with('-')).map(|word| (*word).to_owned()),
                            );
                        }
                        ["cargo", rest @ ..] => {
                            names::cargo(rest).unwrap_or_else(|fault| panic!("{fault}"));
                            let root = rest.iter().position(|word| *word == "--root").map(|place| rest[place + 1]);
                            made.insert(format!("{}/bin/marty-events", root.expect("a root")));
                        }
                        other => panic!("{other:?} is not known here"),
                    }
                }
            }
            "COPY" => match arguments.split_whitespace().collect::<Vec<_>>()[..] {
                [".", "."] => {}
                [from, source, target] => {
                    let stage = from.strip_prefix("--from=").expect("a stage");
                    assert!(stages.iter().any(|known| known == stage), "there is no stage {stage}");
                    assert!(made.contains(source), "nothing makes {source}");
                    made.insert(target.to_owned());
                }
                ref other => panic!("{other:?}"),
            },
            "WORKDIR" => assert!(arguments.starts_with('/'), "{arguments}"),
            "USER" => assert!(arguments.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| 0 < id)), "{arguments}"),
            "STOPSIGNAL" => assert_eq!(arguments, "SIGTERM", "the relay settles what is under way on it"),
            "ENTRYPOINT" => {
                let words: Vec<String> = serde_json::from_str(arguments).expect("a JSON list");
                assert!(made.contains(&words[0]), "nothing makes {}", words[0]);
            }
            "CMD" => assert_eq!(arguments, "[\"relay\"]"),
            other => panic!("{other} is not an instruction that is known here"),
        }
    }
    // The compiler of the image is the workspace's oldest one or newer.
    let manifest = printed::file("Cargo.toml");
    let oldest =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a version").trim_matches('"');
    assert!(instructions[0].1.contains(&format!("rust:{oldest}-")), "{} and rust-version {oldest}", instructions[0].1);
    // Libraries that the binary is linked with, and the compilers that it needs.
    for package in ["gcc", "g++", "make", "pkg-config", "libssl-dev", "libssl3", "ca-certificates"] {
        assert!(installed.contains(package), "{package} is not installed");
    }
    let ignored = printed::file(".containerignore");
    assert!(ignored.lines().any(|line| line == "/target"), "the build directory is not sent to the engine");
}

#[test]
fn the_servers_of_the_compose_file_are_those_of_the_tests() {
    let text = printed::file("compose.yaml");
    let compose: Value = serde_yaml_ng::from_str(&text).expect("YAML");
    let services = compose["services"].as_object().expect("services");
    let keys = ["image", "environment", "ports", "volumes", "healthcheck"];
    for (name, service) in services {
        let service = service.as_object().expect("a service");
        assert!(service.keys().all(|key| keys.contains(&key.as_str())), "{name}: {:?}", service.keys());
        for port in service["ports"].as_array().expect("ports") {
            let parts: Vec<&str> = port.as_str().expect("text, since YAML reads 1:2 as a number").split(':').collect();
            assert!(parts.len() == 3 && parts[0] == "127.0.0.1", "{name}: {port} is open to the network");
        }
        for volume in service["volumes"].as_array().expect("volumes") {
            let volume = volume.as_str().and_then(|volume| volume.split(':').next()).expect("a name");
            assert!(compose["volumes"].get(volume).is_some(), "{name}: there is no volume {volume}");
        }
        let check = service["healthcheck"].as_object().expect("a check");
        assert!(
            check.keys().all(|key| ["test", "interval", "timeout", "retries"].contains(&key.as_str())),
            "{check:?}"
        );
        // Compose reads `yes` and numbers as something else than text.
        let environment = service["environment"].as_object().expect("variables");
        assert!(environment.values().all(Value::is_string), "{name}: {environment:?}");
    }
    // The broker is that of the tests, by its version and its settings.
    let pom = printed::file("scripts/kafka/pom.xml");
    let version = pom.split_once("<kafka.version>").and_then(|(_, rest)| rest.split_once('<')).expect("a version").0;
    assert_eq!(services["kafka"]["image"], format!("apache/kafka:{version}"));
    // The exports at its beginning lead to it.
    let kafka = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].as_str().expect("listeners");
    let postgres = &services["postgres"]["environment"];
    let export = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(&format!("#   export {name}="))).expect("an export")
    };
    assert!(kafka.contains(&format!("HOST://{}", export("KAFKA_BROKERS"))), "{kafka}");
    let place = |name: &str| postgres[name].as_str().expect("text").to_owned();
    let url = format!(
        "postgres://{}:{}@127.0.0.1:5432/{}",
        place("POSTGRES_USER"),
        place("POSTGRES_PASSWORD"),
        place("POSTGRES_DB")
    );
    assert_eq!(export("DATABASE_URL"), url);
    let docker = |arguments: &[&str]| Command::new("docker").args(arguments).current_dir(root()).output();
    if docker(&["compose", "version"]).is_ok_and(|answer| answer.status.success()) {
        let checked = docker(&["compose", "config", "--quiet"]).expect("docker runs");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

//! The systemd unit.

use std::{fs, process::Command};

use marty_events_tests::{printed, process::command_line};

const UNIT: &str = "packaging/marty-events-relay.service";

/// Sections and keys of systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5) and systemd.resource-control(5) that the
/// unit uses. A misspelt key is ignored by systemd with a line in the log, and its protection is not there.
const KEYS: [(&str, &[&str]); 3] = [
    ("Unit", &["Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"]),
    (
        "Service",
        &[
            "Type",
            "EnvironmentFile",
            "ExecStart",
            "Restart",
            "RestartSec",
            "KillSignal",
            "TimeoutStopSec",
            "DynamicUser",
            "NoNewPrivileges",
            "CapabilityBoundingSet",
            "ProtectSystem",
            "ProtectHome",
            "PrivateTmp",
            "PrivateDevices",
            "ProtectKernelTunables",
            "ProtectKernelModules",
            "ProtectControlGroups",
            "RestrictAddressFamilies",
            "RestrictNamespaces",
            "LockPersonality",
            "MemoryDenyWriteExecute",
            "SystemCallArchitectures",
            "MemoryMax",
        ],
    ),
    ("Install", &["WantedBy"]),
];

/// By its keys everywhere, and by `systemd-analyze verify` where that is installed.
#[test]
fn the_unit_is_one() {
    let unit = printed::file(UNIT);
    let mut section: Option<&(&str, &[&str])> = None;
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = KEYS.iter().find(|(known, _)| *known == name);
            assert!(section.is_some(), "{line} is not a section");
        } else {
            let (key, _) = line.split_once('=').unwrap_or_else(|| panic!("{line} is not a setting"));
            let known = section.is_some_and(|(_, keys)| keys.contains(&key));
            assert!(known, "{key} is not a setting that is known here; look it up and add it to this test");
        }
    }

    let program = command_line();
    let folder = tempfile::tempdir().unwrap();
    let unit = printed::with(&unit, "/usr/local/bin/marty-events", &program.display().to_string());
    let path = folder.path().join("marty-events-relay.service");
    fs::write(&path, &unit).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let words: Vec<&str> = start.split_whitespace().chain(["--help"]).collect();
    let accepted = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    match Command::new("systemd-analyze").arg("verify").arg(&path).output() {
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            let about_it: Vec<&str> = said.lines().filter(|line| line.contains("marty-events-relay")).collect();
            assert!(verified.status.success() && about_it.is_empty(), "{said}");
        }
        Err(_) => eprintln!("systemd-analyze is not installed; the unit was checked by its keys alone"),
    }
}

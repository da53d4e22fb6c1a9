//! The check of the relays: their number, names and versions.

use std::collections::BTreeSet;

use marty_events::outbox::RelayStatus;

use crate::{
    commands::doctor::report::{Check, Report},
    lanes::ranges,
    output::or_dash,
    plain::plain,
};

const START: &str = "start `marty-events relay`, or a service with an OutboxRelay; if one should run, read its log";
const ROLL_OUT: &str =
    "nothing while a release is rolled out; afterwards find the relays that were left behind, and restart them";

/// Checks the relays while `pending` events wait. True if one of them is alive.
pub(super) fn check(relays: &[RelayStatus], pending: u64, report: &mut Report) -> bool {
    let alive: Vec<&RelayStatus> = relays.iter().filter(|relay| relay.is_alive).collect();
    if alive.is_empty() {
        report.add(match pending {
            0 => Check::warning("relay", "no relay runs; no event waits at the moment", START),
            pending => Check::failed("relay", format!("no relay runs, and {pending} events wait"), START),
        });
        return false;
    }
    let mut found = format!("{} working or standing by", alive.len());
    for relay in &alive {
        found += "\n";
        found += &name(relay);
    }
    let versions: BTreeSet<&str> = alive.iter().filter_map(|relay| relay.version.as_deref()).collect();
    // A relay without a version is older than the names.
    let is_mixed = 1 < versions.len() || !versions.is_empty() && alive.iter().any(|relay| relay.version.is_none());
    report.add(if is_mixed {
        Check::warning("relay", format!("{found}\nthese are of different versions"), ROLL_OUT)
    } else {
        Check::ok("relay", found)
    });
    true
}

/// A relay as a person finds it: its service, machine and process, then its version and lanes.
fn name(relay: &RelayStatus) -> String {
    let lanes = if relay.lanes.is_empty() { "no lanes".to_owned() } else { format!("lanes {}", ranges(&relay.lanes)) };
    let Some(host) = &relay.host else { return format!("{}, of a version without names, {lanes}", relay.relay) };
    let process = relay.process_id.map_or_else(String::new, |id| format!(", process {id}"));
    let version = relay.version.as_deref().map_or_else(String::new, |version| format!(", version {}", plain(version)));
    format!("{} on {}{process}{version}, {lanes}", or_dash(relay.service.as_deref()), plain(host))
}

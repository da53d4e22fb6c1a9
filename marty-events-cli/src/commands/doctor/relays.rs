//! Checks of the relays: their number, names, versions and lanes.

use std::collections::BTreeSet;

use marty_events::outbox::RelayStatus;

use super::report::{Check, Report};
use crate::{
    lanes::{ranges, unowned},
    output::or_dash,
    plain::plain,
};

const START: &str = "start `marty-events relay`, or a service with an OutboxRelay; if one should run, read its log";
const ROLL_OUT: &str =
    "nothing while a release is rolled out; afterwards find the relays that were left behind, and restart them";
const WAIT: &str = "wait for the lease time (4 s) and look again; if they stay free, read the relays' logs";

/// Checks the relays while `pending` events wait.
pub(super) fn check(relays: &[RelayStatus], pending: u64, report: &mut Report) {
    let alive: Vec<&RelayStatus> = relays.iter().filter(|relay| relay.is_alive).collect();
    if alive.is_empty() {
        report.add(match pending {
            0 => Check::warning("relay", "no relay runs; no event waits at the moment", START),
            pending => Check::failed("relay", format!("no relay runs, and {pending} events wait"), START),
        });
        return;
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
    let free = unowned(relays);
    report.add(if free.is_empty() {
        Check::ok("lanes", "every lane has an owner")
    } else {
        Check::warning("lanes", format!("no relay owns {}", ranges(&free)), WAIT)
    });
}

/// A relay as a person finds it: its service, machine and process, then its version and lanes.
fn name(relay: &RelayStatus) -> String {
    let lanes = if relay.lanes.is_empty() { "no lanes".to_owned() } else { format!("lanes {}", ranges(&relay.lanes)) };
    let Some(host) = &relay.host else { return format!("{}, of a version without names, {lanes}", relay.relay) };
    let process = relay.process_id.map_or_else(String::new, |id| format!(", process {id}"));
    let version = relay.version.as_deref().map_or_else(String::new, |version| format!(", version {}", plain(version)));
    format!("{} on {}{process}{version}, {lanes}", or_dash(relay.service.as_deref()), plain(host))
}

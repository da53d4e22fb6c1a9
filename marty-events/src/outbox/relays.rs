//! Relays, as people see them.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// A relay that works, stands by, or has gone silent within the last hour.
///
/// Host, process, version and service are `None` for a relay of a version that did not write them down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RelayStatus {
    /// Its id, which is in its log lines.
    pub relay: Uuid,
    /// The service by whose configuration it runs (`SERVICE_NAME`).
    pub service: Option<String>,
    /// The name of its machine, as the machine itself gives it; in Kubernetes that of the pod.
    pub host: Option<String>,
    /// The number of its process there.
    pub process_id: Option<u32>,
    /// Its version of marty-events.
    pub version: Option<String>,
    /// When it began, by the database's clock.
    pub started_at: Timestamp,
    /// Whether it has said so within its lease. One that is silent is followed by the others.
    pub is_alive: bool,
    /// The lanes that are its own, in order; none for one that stands by or is silent.
    pub lanes: Vec<i32>,
}

impl RelayStatus {
    /// Rows of one relay after the other, each with one of its lanes or none.
    pub(crate) fn gather(rows: impl IntoIterator<Item = (Self, Option<i32>)>) -> Vec<Self> {
        let mut relays: Vec<Self> = Vec::new();
        for (relay, lane) in rows {
            match relays.last_mut() {
                Some(last) if last.relay == relay.relay => last.lanes.extend(lane),
                _ => relays.push(Self { lanes: lane.into_iter().collect(), ..relay }),
            }
        }
        relays
    }
}

/// A relay's name for people, which it writes beside its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelayName {
    pub(crate) service: String,
    pub(crate) host: Option<String>,
    pub(crate) process_id: u32,
    pub(crate) version: &'static str,
}

/// The most letters of a name in MySQL's tables.
const LONGEST: usize = 255;

impl RelayName {
    /// The name of a relay in this process.
    pub(crate) fn of_this_process(service: &str) -> Self {
        // A machine without a name is no reason to relay nothing.
        let host = hostname::get().ok().map(|host| short(&host.to_string_lossy())).filter(|host| !host.is_empty());
        Self { service: short(service), host, process_id: std::process::id(), version: env!("CARGO_PKG_VERSION") }
    }
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

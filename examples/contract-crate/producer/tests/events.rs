//! The gate: a change of an event that breaks a reader fails here, and so in CI.

use certificates as _;

#[test]
fn events_stay_compatible() {
    marty_events::catalogue::assert_compatible("events.json");
}

//! The gate: a change of an event that breaks a reader fails here.

use testing as _;

#[test]
fn events_stay_compatible() {
    marty_events::catalogue::assert_compatible("events.json");
}

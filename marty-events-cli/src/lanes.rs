//! Lanes as text.

use marty_events::outbox::RelayStatus;

/// The number of lanes (docs/decisions.md, "16 lanes").
const LANES: i32 = 16;

/// The lanes that belong to none of `relays`.
pub(crate) fn unowned(relays: &[RelayStatus]) -> Vec<i32> {
    (1..=LANES).filter(|lane| !relays.iter().any(|relay| relay.lanes.contains(lane))).collect()
}

/// `1-5, 7`
pub(crate) fn ranges(lanes: &[i32]) -> String {
    let mut ranges: Vec<(i32, i32)> = Vec::new();
    for &lane in lanes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == lane => *last = lane,
            _ => ranges.push((lane, lane)),
        }
    }
    let text = |(first, last): (i32, i32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

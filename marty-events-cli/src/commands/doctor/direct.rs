//! Domain events that a service publishes without a transaction. This command is another binary, so it knows them from a file alone.

use marty_events::catalogue::{Catalogue, Published};

use super::report::Check;

pub(super) fn check(catalogue: &Catalogue) -> Check {
    let is_direct = |event: &&Published| event.kind == "domain" && event.route == "direct";
    let direct = catalogue.publishes.iter().filter(is_direct);
    let topics: Vec<String> = direct.map(|event| catalogue.topic_of(event)).collect();
    let name = "direct-events";
    if topics.is_empty() {
        return Check::ok(name, "no domain event is published without a transaction by its attribute");
    }
    // A service may mean it: `delivery = "direct"`.
    Check::ok(name, format!("published without a transaction: {}", topics.join(", ")))
}

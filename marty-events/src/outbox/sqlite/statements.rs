use sqlx::SqlStr;

use super::super::{
    OutboxTable, Quotes,
    lanes::LANE_OF,
    rows::{EVENT, SIZE},
};

/// Microseconds since 1970, by the database's clock.
const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// The rows with these numbers that are these events.
const DELIVERED: &str = "seq IN (SELECT value FROM json_each(?1)) AND event_id IN (SELECT value FROM json_each(?2))";

/// Lanes without an owner, or with one that has no lease any more.
const FREE: &str = "(owner IS NULL OR owner NOT IN (SELECT relay FROM {relays} WHERE {now} <= expires_at))";

/// Relays that were silent for an hour.
const OLD: &str = "expires_at < {now} - 3600000000";

pub(super) fn statement(template: &str, table: &OutboxTable) -> SqlStr {
    let text = template
        .replace("{event}", EVENT)
        .replace("{delivered}", DELIVERED)
        .replace("{size}", SIZE)
        .replace("{free}", FREE)
        .replace("{old}", OLD)
        .replace("{now}", NOW)
        .replace("{lane_of}", LANE_OF);
    Quotes::Double.statement(&text, table)
}

use std::fmt::{Display, Write};

use sqlx::SqlStr;

use super::super::{
    OutboxTable, Quotes,
    lanes::LANE_OF,
    rows::{EVENT, SIZE},
};

/// Microseconds since 1970, by the database's clock.
const NOW: &str = "timestampdiff(MICROSECOND, '1970-01-01 00:00:00', utc_timestamp(6))";

pub(super) fn statement(template: &str, table: &OutboxTable) -> SqlStr {
    let text =
        template.replace("{event}", EVENT).replace("{size}", SIZE).replace("{now}", NOW).replace("{lane_of}", LANE_OF);
    Quotes::Backticks.statement(&text, table)
}

/// Numbers as a list, which is `NULL` where there are none: an empty one is not allowed.
pub(super) fn numbers<N: Display>(numbers: impl IntoIterator<Item = N>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    if numbers.is_empty() { "NULL".to_owned() } else { numbers.join(", ") }
}

/// Ids as a list: their text has hexadecimal digits and hyphens only.
pub(super) fn quoted<I: Display>(ids: impl IntoIterator<Item = I>) -> String {
    numbers(ids.into_iter().map(|id| format!("'{id}'")))
}

/// Any text, in digits.
pub(super) fn text(text: &str) -> String {
    let mut digits = "_utf8mb4 X'".to_owned();
    for byte in text.bytes() {
        let _ = write!(digits, "{byte:02X}");
    }
    digits + "'"
}

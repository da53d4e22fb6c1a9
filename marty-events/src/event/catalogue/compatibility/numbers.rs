//! Comparison of limits: smallest, largest, longest, patterns.

use serde_json::Value;

use super::change::{
    Verdict,
    Verdict::{Breaks, Reads},
};

type Limit = (&'static str, &'static str, &'static str);

/// Keyword, name of the change to a higher value, name of the change to a lower one.
const LOWER: [Limit; 5] = [
    ("minimum", "minimum raised", "minimum lowered"),
    ("exclusiveMinimum", "minimum raised", "minimum lowered"),
    ("minLength", "minimum length raised", "minimum length lowered"),
    ("minItems", "minimum length raised", "minimum length lowered"),
    ("minProperties", "minimum length raised", "minimum length lowered"),
];
const UPPER: [Limit; 5] = [
    ("maximum", "maximum raised", "maximum lowered"),
    ("exclusiveMaximum", "maximum raised", "maximum lowered"),
    ("maxLength", "maximum length raised", "maximum length lowered"),
    ("maxItems", "maximum length raised", "maximum length lowered"),
    ("maxProperties", "maximum length raised", "maximum length lowered"),
];
const EXACT: [Limit; 2] =
    [("pattern", "pattern added", "pattern removed"), ("multipleOf", "step added", "step removed")];

pub(super) fn is_limit(keyword: &str) -> bool {
    LOWER.iter().chain(&UPPER).chain(&EXACT).any(|(name, ..)| *name == keyword) || keyword == "uniqueItems"
}

/// The changes of limits, with the verdicts for old and new readers.
pub(super) fn limits(old: &Value, new: &Value) -> Vec<(&'static str, Verdict, Verdict)> {
    let mut found = Vec::new();
    let mut narrower = |kind| found.push((kind, Reads, Breaks));
    let mut wider = Vec::new();
    for (keyword, raised, lowered) in LOWER {
        let (before, after) = both(old, new, keyword, f64::NEG_INFINITY);
        if before < after {
            narrower(raised);
        } else if after < before {
            wider.push(lowered);
        }
    }
    for (keyword, raised, lowered) in UPPER {
        let (before, after) = both(old, new, keyword, f64::INFINITY);
        if after < before {
            narrower(lowered);
        } else if before < after {
            wider.push(raised);
        }
    }
    let mut different = Vec::new();
    for (keyword, added, removed) in EXACT {
        match (old.get(keyword), new.get(keyword)) {
            (None, Some(_)) => narrower(added),
            (Some(_), None) => wider.push(removed),
            (Some(before), Some(after)) if before != after => {
                different.push(if keyword == "pattern" { "pattern changed" } else { "step changed" });
            }
            _ => {}
        }
    }
    match (old["uniqueItems"] == true, new["uniqueItems"] == true) {
        (false, true) => narrower("items made unique"),
        (true, false) => wider.push("items made repeatable"),
        _ => {}
    }
    found.extend(wider.into_iter().map(|kind| (kind, Breaks, Reads)));
    found.extend(different.into_iter().map(|kind| (kind, Breaks, Breaks)));
    found
}

fn both(old: &Value, new: &Value, keyword: &str, absent: f64) -> (f64, f64) {
    (old[keyword].as_f64().unwrap_or(absent), new[keyword].as_f64().unwrap_or(absent))
}

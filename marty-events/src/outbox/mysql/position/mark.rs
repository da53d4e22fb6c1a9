//! A position as a text, for the relay that follows.
//!
//! Everything up to the low number is settled, but for the gaps that are named: a transaction that is open for hours does not
//! hold the mark back.

use std::time::Instant;

use super::{Gaps, MySqlPosition};

/// A mark has no more gaps; the closest ones are joined.
const MOST_GAPS: usize = 64;
/// The first word of a mark, for versions that write it in another way.
const FORM: &str = "1";

pub(super) fn write(position: &MySqlPosition, lowest: Option<i64>) -> Option<String> {
    let created = position.created.filter(|_| position.is_begun)?;
    let low = lowest.map_or(position.cursor, |lowest| position.cursor.min(lowest.saturating_sub(1)));
    let mut below = position.gaps.clone();
    below.remove(low.saturating_add(1), i64::MAX);
    let (gaps, _) = below.covered(MOST_GAPS);
    let gaps: Vec<String> = gaps.iter().map(|(first, last)| format!("{first}-{last}")).collect();
    let top = position.cursor.max(position.top);
    Some(format!("{FORM} {created} {low} {top} {}", gaps.join(",")))
}

pub(super) fn read(mark: &str) -> Option<MySqlPosition> {
    let mut words = mark.split(' ');
    let _form = words.next().filter(|form| *form == FORM)?;
    let mut number = || words.next()?.parse::<i64>().ok();
    let (created, cursor, top) = (number()?, number()?, number()?);
    let (mut gaps, now) = (Gaps::default(), Instant::now());
    for gap in words.next()?.split(',').filter(|gap| !gap.is_empty()) {
        let (first, last) = gap.split_once('-')?;
        let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        if last < first || cursor < last {
            return None;
        }
        gaps.remove(first, last);
        gaps.open(first, last, now);
    }
    Some(MySqlPosition { cursor, top, gaps, created: Some(created), ..MySqlPosition::default() })
}

/// The lower of two positions, with the gaps of both; nothing where they are in different tables.
pub(super) fn lower(one: MySqlPosition, other: MySqlPosition) -> Option<MySqlPosition> {
    if one.created != other.created {
        return None;
    }
    let (mut low, high) = if one.cursor <= other.cursor { (one, other) } else { (other, one) };
    let now = Instant::now();
    for (first, last) in high.gaps.all() {
        if first <= low.cursor {
            let last = last.min(low.cursor);
            low.gaps.remove(first, last);
            low.gaps.open(first, last, now);
        }
    }
    low.top = low.top.max(high.top);
    Some(low)
}

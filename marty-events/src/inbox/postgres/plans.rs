//! The statements, prepared anew as the table of parked events grows.
//!
//! A connection prepares a statement once, and after five runs the server usually keeps one plan for all that come, until a vacuum or an
//! `ANALYZE` of the table. A plan of a time when few events were parked walks over all of them. A poisoned key would then slow all other keys
//! down, the more the longer it waits. So the statements have another text, and are planned again, whenever the table has grown much.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use sqlx::SqlStr;

use super::{
    super::{InboxTable, table::statement},
    claim, park, retry,
};
use crate::database::Quotes;

/// The sizes in bytes at which the statements are planned anew. Below the first one a walk is as fast as an index.
const STEPS: [u64; 3] = [1 << 16, 1 << 20, 1 << 24];
/// The bytes of a row without its headers and its value.
const ROW: usize = 100;
/// The bytes of headers and value that stay in the table. The server stores what is longer elsewhere (`TOAST_TUPLE_THRESHOLD`).
const LONGEST_INSIDE: usize = 2_000;

#[derive(Debug)]
pub(super) struct Plans {
    table: InboxTable,
    longest_call: Option<Duration>,
    present: RwLock<Present>,
}

#[derive(Debug)]
struct Present {
    statements: Arc<Statements>,
    /// The bytes of the table when they were heard of last, and what this process has parked since.
    size: u64,
    /// The number of steps that the size has passed.
    step: usize,
    /// The number of times that the statements were made anew.
    generation: u64,
}

impl Plans {
    pub(super) fn new(table: &InboxTable, longest_call: Option<Duration>) -> Self {
        let statements = Arc::new(Statements::of(table, longest_call, 0));
        let present = RwLock::new(Present { statements, size: 0, step: 0, generation: 0 });
        Self { table: table.clone(), longest_call, present }
    }

    /// The statements for the present size.
    pub(super) fn now(&self) -> Arc<Statements> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner).statements)
    }

    /// A row with so many bytes of headers and value comes to the table.
    pub(super) fn grows_by(&self, bytes: usize) {
        let row = (ROW + bytes.min(LONGEST_INSIDE)) as u64;
        self.resized(|size| size.saturating_add(row));
    }

    /// The table has so many bytes.
    pub(super) fn has(&self, bytes: u64) {
        self.resized(|_| bytes);
    }

    fn resized(&self, resize: impl FnOnce(u64) -> u64) {
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        present.size = resize(present.size);
        let step = STEPS.partition_point(|step| *step <= present.size);
        // A plan for a larger table does for a smaller one, but a vacuum may have replaced it when the table was small.
        if present.step < step {
            present.generation += 1;
            present.statements = Arc::new(Statements::of(&self.table, self.longest_call, present.generation));
        }
        present.step = step;
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    pub(super) claim: SqlStr,
    pub(super) claim_all: SqlStr,
    pub(super) park: SqlStr,
    pub(super) next_due: SqlStr,
    pub(super) next_time: SqlStr,
    pub(super) unpark: SqlStr,
    pub(super) retry: SqlStr,
    pub(super) lock: SqlStr,
    pub(super) bury: SqlStr,
    pub(super) hold: SqlStr,
    pub(super) forget: SqlStr,
    pub(super) revive: SqlStr,
    pub(super) stats: SqlStr,
    pub(super) known: SqlStr,
    /// The statement that bounds those after it.
    pub(super) bound: Option<SqlStr>,
}

impl Statements {
    fn of(table: &InboxTable, longest_call: Option<Duration>, generation: u64) -> Self {
        let sql = |template: &str| statement(Quotes::Double, &format!("{template} /* {generation} */"), table.name());
        let bound = longest_call.map(claim::bound);
        let bounding = |template: &str| {
            let column = bound.as_ref().map(|bound| format!(", {bound}"));
            sql(&template.replace("{bound}", &column.unwrap_or_default()))
        };
        Self {
            claim: bounding(claim::CLAIM),
            claim_all: bounding(claim::CLAIM_ALL),
            park: sql(park::PARK),
            next_due: sql(&retry::next(retry::DUE)),
            next_time: sql(&retry::next(retry::TIME)),
            unpark: sql(&retry::promoting(retry::UNPARK)),
            retry: sql(retry::RETRY),
            lock: sql(retry::LOCK),
            bury: sql(&retry::promoting(retry::BURY)),
            hold: sql(retry::HOLD),
            forget: sql(claim::FORGET),
            revive: sql(claim::REVIVE),
            stats: sql(park::STATS),
            known: sql(claim::KNOWN),
            bound: bound.as_ref().map(|bound| sql(&format!("SELECT {bound}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_planned_anew_each_time_the_table_grows_and_not_for_values_beside_it() {
        let plans = Plans::new(&InboxTable::default(), None);
        let mut before = plans.now();
        let mut is_new = || {
            let last = std::mem::replace(&mut before, plans.now());
            last.claim.as_str() != before.claim.as_str()
        };
        for _ in 0..17 {
            plans.grows_by(1_000_000);
        }
        assert!(!is_new(), "the values are elsewhere");
        for _ in 0..17 {
            plans.grows_by(1_000_000);
        }
        assert!(is_new(), "so many rows are more than the first step");
        plans.has(1 << 20);
        assert!(is_new());
        plans.has(0);
        assert!(!is_new(), "what suits many rows suits none");
        plans.has(1 << 20);
        assert!(is_new(), "a vacuum may have replaced the plan meanwhile");
    }
}

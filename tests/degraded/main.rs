//! A relay beside dependencies that work badly: only the events that suffer themselves may wait.
//!
//! Each case prints a line with its figures, so that two versions can be compared. A case has a size for every test run;
//! `MARTY_EVENTS_FULL=1`, which `scripts/degraded` sets, makes it as large as a bad day.

mod black_hole;
mod cut_off;
mod deliveries;
mod figures;
mod fixture;
mod horizon;
mod hot_key;
mod late_commit;
mod lock;
mod open_transaction;
mod partition;
mod relays;
mod restart;
mod take_over;
mod topic;

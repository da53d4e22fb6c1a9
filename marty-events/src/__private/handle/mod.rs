//! The transaction handle among the arguments: found by type, kept, lent to the body, chosen after it.

mod accepted;
mod checks;
mod choice;
mod delivery;
mod hidden;
mod kept;
mod ladder;
mod refused;
mod tag;

pub use checks::{Certain, MayLog, Seen, Stated, Transactional, demanded, may_log, seen, stated};
pub use choice::{Beside, Or, beside, or};
pub use hidden::{hidden_associate, hidden_handle, hidden_in, hidden_in_receiver};
pub use kept::{Absent, Doubted, Held, Named, Opaque, Rejected, named};
pub use ladder::{Connected, NoOutbox, Probe, Taken, TakenWithoutOutbox, Unrelated};
pub use tag::{ByReference, ByValue, Foreign, Other, Pooled};

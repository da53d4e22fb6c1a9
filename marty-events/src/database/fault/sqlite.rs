//! SQLite, "Result and Error Codes". The lowest byte of an extended code is the primary one.

use super::Fault;

pub(crate) fn fault(code: u32, message: &str) -> Fault {
    match code & 0xff {
        // SQLITE_ERROR says no more than its text, which SQLite never translates.
        1 if message.starts_with("no such table") || message.starts_with("no such column") => Fault::Missing,
        // SQLITE_PERM, SQLITE_AUTH
        3 | 23 => Fault::Forbidden,
        // SQLITE_BUSY, SQLITE_LOCKED
        5 | 6 => Fault::Locked,
        // SQLITE_READONLY
        8 => Fault::ReadOnly,
        // SQLITE_SCHEMA
        17 => Fault::Conflict,
        // SQLITE_ABORT, SQLITE_NOMEM, SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN, SQLITE_PROTOCOL (the lock on the
        // log was not to be had in time)
        4 | 7 | 9 | 10 | 13 | 14 | 15 => Fault::Outage,
        _ => Fault::Refused,
    }
}

//! The snapshot of a read, and the table that was read.

/// The snapshot of a read, and where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadPoint {
    pub(super) snapshot: Snapshot,
    pub(super) place: Place,
}

/// A table of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// When the server was started, in microseconds since 1970.
    pub(super) started: i64,
    /// The table's file: another one when the table is emptied, rewritten or made anew.
    pub(super) file: i64,
}

/// `pg_snapshot`: which transactions were over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) next_xid: u64,
    pub(super) in_progress: Vec<u64>,
}

impl Snapshot {
    /// Reads `xmin:xmax:xip,xip` (PostgreSQL, "Transaction ID and Snapshot Information Functions").
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (_, next_xid, in_progress) = (parts.next()?, parts.next()?, parts.next()?);
        let in_progress = in_progress.split(',').filter(|xid| !xid.is_empty());
        Some(Self {
            next_xid: next_xid.parse().ok()?,
            in_progress: in_progress.map(|xid| xid.parse().ok()).collect::<Option<_>>()?,
        })
    }

    pub(super) fn is_over(&self, xid: u64) -> bool {
        xid < self.next_xid && !self.in_progress.contains(&xid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_snapshot_is_not_read() {
        for text in ["", "1:2", "a:b:", "1:2:x"] {
            assert_eq!(Snapshot::parse(text), None, "{text}");
        }
    }
}

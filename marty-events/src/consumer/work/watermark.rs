use std::collections::VecDeque;

/// The offset of a partition below which every record is finished.
///
/// Offsets may have gaps: compacted records and the marks of transactions are never read.
#[derive(Debug, Default)]
pub(super) struct Watermark {
    /// The records that were read and that the mark has not passed, in their order; true for a finished one.
    open: VecDeque<(i64, bool)>,
    /// The offset behind the last record that was read.
    read: Option<i64>,
    /// The offset to begin with after a restart; nothing before a record is finished.
    next: Option<i64>,
}

impl Watermark {
    /// A record was read. False for one that was read before.
    pub(super) fn read(&mut self, offset: i64) -> bool {
        if self.read.is_some_and(|read| offset < read) {
            return false;
        }
        self.read = Some(offset + 1);
        self.open.push_back((offset, false));
        true
    }

    /// A record is finished.
    pub(super) fn finish(&mut self, offset: i64) {
        if let Ok(place) = self.open.binary_search_by_key(&offset, |(offset, _)| *offset) {
            self.open[place].1 = true;
        }
        while let Some((offset, true)) = self.open.front() {
            self.next = Some(offset + 1);
            self.open.pop_front();
        }
    }

    pub(super) fn next(&self) -> Option<i64> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_waits_for_the_first_unfinished_record_and_jumps_over_gaps() {
        let mut mark = Watermark::default();
        for offset in [5, 6, 9, 12] {
            assert!(mark.read(offset));
        }
        assert!(!mark.read(9), "it was read before");
        mark.finish(6);
        mark.finish(12);
        assert_eq!(mark.next(), None);
        mark.finish(5);
        assert_eq!(mark.next(), Some(7));
        mark.finish(9);
        assert_eq!(mark.next(), Some(13));
        mark.finish(9);
        assert_eq!(mark.next(), Some(13));
    }
}

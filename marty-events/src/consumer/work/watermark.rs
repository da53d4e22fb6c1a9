use std::collections::VecDeque;

/// The offset of a partition below which every record is finished.
///
/// Offsets may have gaps: compacted records and the marks of transactions are never read. They may also go back: the log was cut at a change
/// of its leader, or the topic was made again. Then other records have the offsets, and the mark follows the order in which records were read.
#[derive(Debug, Default)]
pub(super) struct Watermark {
    /// The records that were read and that the mark has not passed, in their order; true for a finished one.
    open: VecDeque<(i64, bool)>,
    /// The number of the first of these.
    first: u64,
    /// The offset behind the last record that was read.
    read: Option<i64>,
    /// The offset to begin with after a restart; nothing before a record is finished.
    next: Option<i64>,
}

impl Watermark {
    /// A record was read: its number, and true if its offset is not behind all others.
    pub(super) fn read(&mut self, offset: i64) -> (u64, bool) {
        let goes_back = self.read.is_some_and(|read| offset < read);
        self.read = Some(offset + 1);
        self.open.push_back((offset, false));
        (self.first + self.open.len() as u64 - 1, goes_back)
    }

    /// The record of this number is finished.
    pub(super) fn finish(&mut self, number: u64) {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some((_, is_finished)) = place.and_then(|place| self.open.get_mut(place)) {
            *is_finished = true;
        }
        while let Some((offset, true)) = self.open.front() {
            self.next = Some(offset + 1);
            self.open.pop_front();
            self.first += 1;
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
        let [five, six, nine, twelve] = [5, 6, 9, 12].map(|offset| mark.read(offset).0);
        mark.finish(six);
        mark.finish(twelve);
        assert_eq!(mark.next(), None);
        mark.finish(five);
        assert_eq!(mark.next(), Some(7));
        mark.finish(nine);
        assert_eq!(mark.next(), Some(13));
        mark.finish(nine);
        assert_eq!(mark.next(), Some(13));
    }

    #[test]
    fn the_mark_goes_back_with_the_log_and_not_before_the_records_that_were_read_earlier() {
        let mut mark = Watermark::default();
        let [eight, nine] = [8, 9].map(|offset| mark.read(offset).0);
        let (zero, goes_back) = mark.read(0);
        assert!(goes_back && !mark.read(1).1);
        mark.finish(zero);
        mark.finish(eight);
        assert_eq!(mark.next(), Some(9));
        mark.finish(nine);
        assert_eq!(mark.next(), Some(1));
    }
}

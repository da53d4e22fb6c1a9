//! What a relay reads, and when.

use std::time::{Duration, Instant};

use super::{BUSY_POLL, LAST_POLL, REREAD, Term, USUAL_SIZE};
use crate::{
    EventError,
    outbox::{Lane, Page, Store},
};

/// What a relay reads at a time.
#[derive(Default)]
pub(super) struct Reading {
    /// The numbers of rows whose turn has come, and which are not here.
    pub(super) wanted: Vec<i64>,
    /// A page of those behind the position: so many rows and bytes.
    pub(super) page: Option<(i64, i64)>,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Read {
    wanted: Page,
    page: Option<(Page, Duration)>,
}

impl Reading {
    pub(super) async fn read<S: Store>(
        &self,
        store: &S,
        position: &mut S::Position,
        lanes: &[Lane],
    ) -> Result<Read, EventError> {
        let mut read = Read::default();
        if !self.wanted.is_empty() {
            read.wanted = store.load(&self.wanted).await?;
        }
        if let Some((rows, bytes)) = self.page {
            let begun = Instant::now();
            read.page = Some((store.fetch(position, lanes, rows, bytes).await?, begun.elapsed()));
        }
        Ok(read)
    }
}

impl<S: Store> Term<'_, S> {
    /// Rows whose turn has come, and a page once everything is here that was left behind for want of room.
    pub(super) fn reading_due(&mut self, now: Instant) -> Reading {
        if self.drain_until.is_some() {
            return Reading::default();
        }
        if self.reread_at <= now {
            self.reread_at = now + REREAD;
            self.position = S::Position::default();
            (self.poll_pause, self.poll_at) = (BUSY_POLL, Some(now));
        }
        let (rows, bytes) = self.room();
        let (wanted, used) = self.window.wanted(rows, bytes);
        let (rows, bytes) = self.room_besides(wanted.len(), used);
        let is_due = self.poll_at.is_some_and(|at| at <= now);
        let page = (is_due && 0 < rows && !self.window.wants_more_than(wanted.len()))
            .then(|| (i64::try_from(rows).unwrap_or(i64::MAX), i64::try_from(bytes).unwrap_or(i64::MAX)));
        Reading { wanted, page }
    }

    pub(super) fn take_in(&mut self, reading: &Reading, read: Read) {
        if !reading.wanted.is_empty() {
            self.set_aside(&read.wanted);
            self.window.loaded(&reading.wanted, read.wanted.rows);
        }
        let Some((page, time)) = read.page else { return };
        self.metrics.fetched(page.rows.len() + page.numbers.len(), time);
        self.set_aside(&page);
        let is_empty = page.rows.is_empty() && page.numbers.is_empty();
        self.poll_pause = if is_empty { self.poll_pause * 2 } else { BUSY_POLL };
        let pause = if page.is_full { Duration::ZERO } else { self.poll_pause };
        self.poll_at = (pause < LAST_POLL.min(self.settings.beat())).then(|| Instant::now() + pause);
        for number in page.numbers {
            self.window.note(number);
        }
        for event in page.rows {
            self.window.admit(event);
        }
    }

    fn set_aside(&mut self, page: &Page) {
        for row in &page.unreadable {
            if self.window.set_aside(row.seq, row.ordering_key.clone()) {
                tracing::error!(error = %row.error, "a row of the outbox is left alone");
            }
        }
    }

    /// How many rows may be read at once, and how many bytes of them.
    pub(super) fn room(&self) -> (usize, usize) {
        self.room_besides(0, 0)
    }

    /// The same once so many rows and bytes are here besides.
    fn room_besides(&self, rows: usize, bytes: usize) -> (usize, usize) {
        let rows = (self.settings.in_flight as usize).saturating_sub(self.window.len() + rows);
        let bytes = self.settings.in_flight_bytes.saturating_sub(self.window.bytes() + bytes);
        (rows.min(self.settings.batch_size as usize).min(bytes.div_ceil(USUAL_SIZE)), bytes)
    }

    /// Whether there is room for a page, once everything is here that was left behind for want of it.
    pub(super) fn may_fetch(&self) -> bool {
        0 < self.room().0 && !self.window.wants_more_than(0)
    }
}

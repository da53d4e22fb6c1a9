//! The log of a part of the program.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that are kept to be looked at.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// A dispatcher that keeps the lines from `level` on. A future runs under it by
    /// [`WithSubscriber`](tracing::instrument::WithSubscriber).
    #[must_use]
    pub fn of(&self, level: LevelFilter) -> Dispatch {
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(self.clone()).into()
    }

    /// Everything so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

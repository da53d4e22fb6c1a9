//! The log of a part of the program.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::fmt::MakeWriter;

/// A second subscriber, for as long as the process lives. Where there is one alone, `tracing` asks the subscriber of the thread that reaches a call
/// site first. A thread without one then makes the call site silent for all (tracing-core, `Dispatchers::rebuilder`).
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| tracing_subscriber::registry().into());

/// Lines that are kept to be looked at.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// A dispatcher that keeps the lines from `level` on. A future runs under it by
    /// [`WithSubscriber`](tracing::instrument::WithSubscriber).
    #[must_use]
    pub fn of(&self, level: LevelFilter) -> Dispatch {
        LazyLock::force(&SECOND);
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn speak() {
        tracing::warn!("something happened");
    }

    #[test]
    fn a_line_is_kept_though_a_thread_without_a_log_has_said_it_before() {
        let lines = Lines::default();
        let dispatch = lines.of(LevelFilter::INFO);
        thread::spawn(speak).join().expect("it does not panic");
        tracing::dispatcher::with_default(&dispatch, speak);
        assert!(lines.text().contains("something happened"), "{}", lines.text());
    }
}

//! The sizes of the cases, and the lines with their figures.

use std::{
    env,
    fmt::{self, Display},
    fs::OpenOptions,
    io::Write,
    time::Duration,
};

/// The time that a healthy event may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// One of the two sizes of a case.
pub(crate) fn size<T>(usual: T, full: T) -> T {
    if env::var("MARTY_EVENTS_FULL").is_ok_and(|value| value == "1") { full } else { usual }
}

/// Prints a case's figures, and adds them to the file that `MARTY_EVENTS_FIGURES` names.
pub(crate) fn say(row: &str, case: impl Display, figures: impl Display) {
    let line = format!("| {row} | {case} | {figures} |");
    println!("{line}");
    if let Some(path) = env::var_os("MARTY_EVENTS_FIGURES") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the figures can be written");
    }
}

/// The number of awaited events that came, and the time of the waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) count: usize,
    pub(crate) of: usize,
    pub(crate) time: Duration,
}

impl Arrived {
    /// Asserts that all of them came.
    pub(crate) fn assert_all(self, what: &str) {
        assert_eq!(self.count, self.of, "{what}: {self}");
    }
}

impl Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} in {:.1} s", self.count, self.of, self.time.as_secs_f64())
    }
}

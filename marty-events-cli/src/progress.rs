//! Long work in bounded steps, with a bar on standard error where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use marty_events::CancellationToken;

use crate::failure::Result;

/// A bar that ends at `total`; invisible where standard error is no terminal.
pub(crate) fn bar(doing: &'static str, total: u64) -> ProgressBar {
    // The template is a constant, and the default bar is good enough should it ever be wrong.
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(doing)
}

/// What came of work in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) count: u64,
    /// It was stopped by a signal; what the steps before did stays done.
    pub(crate) is_interrupted: bool,
}

/// Does `work` again and again until it has nothing left to do, or the process is asked to stop. Each answers how much it
/// did, and nothing when there was nothing.
pub(crate) async fn in_steps(
    doing: &'static str,
    total: u64,
    stop: &CancellationToken,
    mut work: impl AsyncFnMut() -> Result<Option<u64>>,
) -> Result<Done> {
    let bar = bar(doing, total);
    let mut count = 0;
    while !stop.is_cancelled() {
        let Some(done) = work().await? else {
            bar.finish_and_clear();
            return Ok(Done { count, is_interrupted: false });
        };
        count += done;
        bar.inc(done);
    }
    bar.abandon();
    Ok(Done { count, is_interrupted: true })
}

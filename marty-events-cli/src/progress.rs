//! Long work in bounded steps. A terminal on standard error shows a bar.

use indicatif::{ProgressBar, ProgressStyle};
use marty_events::CancellationToken;

use crate::failure::Result;

/// A bar that ends at `total`. It is invisible where standard error is not a terminal.
pub(crate) fn bar(doing: &'static str, total: u64) -> ProgressBar {
    // The template is a constant; the default bar would do in its place.
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(doing)
}

/// The result of work in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) count: u64,
    /// A signal stopped the work. The steps before it stay done.
    pub(crate) is_interrupted: bool,
}

/// Repeats `work` until it returns `None`, or until the process is asked to stop. Each step returns its amount.
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

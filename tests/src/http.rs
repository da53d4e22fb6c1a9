//! Asking over HTTP, by curl: a client that is not ours.

use std::process::Command;

/// The status and the body.
///
/// # Panics
///
/// When curl is missing, or nothing answers.
#[must_use]
pub fn get(url: &str) -> (u16, String) {
    try_get(url).unwrap_or_else(|| panic!("{url} does not answer"))
}

/// The same, or nothing without an answer.
///
/// # Panics
///
/// When curl is missing.
#[must_use]
pub fn try_get(url: &str) -> Option<(u16, String)> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", url])
        .output()
        .expect("curl is installed");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (body, status) = text.rsplit_once('\n').filter(|_| output.status.success())?;
    Some((status.parse().expect("a number"), body.to_owned()))
}

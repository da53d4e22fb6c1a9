//! Asking over HTTP, by curl: a client that is not ours.

use std::process::Command;

/// The status and the body.
///
/// # Panics
///
/// When there is no curl, or no answer.
#[must_use]
pub fn get(url: &str) -> (u16, String) {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", url])
        .output()
        .expect("curl is installed");
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), body.to_owned())
}

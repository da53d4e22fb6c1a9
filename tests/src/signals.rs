//! Signals to processes that a test has started.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::wait;

/// Sends `process` a signal, by its name without `SIG`.
pub(crate) fn send(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill(1) runs");
    assert!(sent.success(), "the process {process} is there to be signalled");
}

/// Stops `process` in the middle of everything (`SIGSTOP`), and waits until each of its threads stands still. The signal alone is a
/// request: on a busy machine, threads go on for milliseconds behind it.
pub(crate) fn pause(process: u32) {
    send(process, "STOP");
    let begin = Instant::now();
    while !stands_still(process) {
        wait::assert_within(begin, wait::DEADLINE, "the process to stand still");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Lets `process` go on after [`pause`].
pub(crate) fn resume(process: u32) {
    send(process, "CONT");
}

/// Each thread has the state `T`, and perhaps some `Z`, which are over (Linux, `proc_pid_stat(5)`).
fn stands_still(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a process that is there");
    // A thread that has ended meanwhile does not go on.
    let lines = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    // The program's name, in parentheses, may have any letters.
    let states = lines.map(|line| line.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()));
    let states: Vec<Option<char>> = states.collect();
    states.contains(&Some('T')) && states.iter().all(|state| matches!(state, Some('T' | 'Z')))
}

//! The output and the questions for a person at a terminal.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use marty_events_tests::{database::TestDatabase, wait};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::operator::{Operator, bury, created, write};
use crate::support::service::config;

/// A command at a terminal of its own, and its output there so far.
struct Session {
    child: std::process::Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
}

impl Session {
    fn start(command: &mut Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("a terminal of our own");
        unlockpt(&master).expect("a terminal that can be opened");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("in ASCII");
        let open = || Stdio::from(File::options().read(true).write(true).open(&name).expect("the terminal"));
        let child =
            command.env("TERM", "xterm").stdin(open()).stdout(open()).stderr(open()).spawn().expect("the program runs");
        // The command holds its end, and would keep it open for ever in our hands.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let keyboard = File::from(master);
        let mut output = keyboard.try_clone().expect("the same terminal");
        let screen = Arc::new(Mutex::new(String::new()));
        thread::spawn({
            let screen = screen.clone();
            move || {
                let mut bytes = [0; 4096];
                // When the last process has left, reading fails.
                while let Ok(read @ 1..) = output.read(&mut bytes) {
                    let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                    screen.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
                }
            }
        });
        Self { child, keyboard, screen }
    }

    fn screen(&self) -> String {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn until(&self, text: &str) {
        wait::until(text, || async { self.screen().contains(text).then_some(()) }).await;
    }

    fn write(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("the terminal takes it");
    }

    /// As Ctrl-C does.
    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &pid]).status().expect("kill(1) runs").success());
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_is_asked_about() {
    let Some(database) = TestDatabase::create("what_cannot_be_undone_is_asked_about").await else { return };
    let publisher = marty_events::EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    write(&database, &publisher, ["u-1", "u-2"].map(created)).await;
    bury(&database, "no room").await;
    let operator = Operator::of_database(&database);
    let question = "Delete 2 dead letters for good? [y/N] ";
    let mut session = Session::start(&mut operator.command(&["dead-letters", "discard", "--all"]));
    session.until(question).await;
    session.write("\n");
    session.until("nothing was changed").await;
    assert_eq!(session.end().code(), Some(4));
    assert_eq!(operator.json(&["dead-letters", "list"]).len(), 2);

    let mut session = Session::start(&mut operator.command(&["dead-letters", "discard", "--all"]));
    session.until(question).await;
    session.write("y\n");
    session.until("discarded 2 of 2").await;
    assert_eq!(session.end().code(), Some(0));
    assert_eq!(operator.text(&["dead-letters", "list"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_work_shows_how_far_it_is_and_can_be_stopped() {
    let Some(database) = TestDatabase::create("long_work_shows_how_far_it_is_and_can_be_stopped").await else { return };
    let publisher = marty_events::EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    write(&database, &publisher, [created("u-1")]).await;
    let operator = Operator::of_database(&database).with("KAFKA_BROKERS", "127.0.0.1:1");
    let session = Session::start(&mut operator.command(&["relay", "--drain"]));
    session.until("draining").await;
    session.until("0 of 1").await;
    session.interrupt();
    session.until("1 events still wait").await;
    assert_eq!(session.end().code(), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_for_terminals_that_want_them() {
    let operator = Operator::new([]);
    let session = Session::start(&mut operator.command(&["status"]));
    session.until("error:").await;
    assert!(session.screen().contains("\x1b[31m"), "{:?}", session.screen());
    session.end();
    let session = Session::start(operator.command(&["status"]).env("NO_COLOR", "1"));
    session.until("set DATABASE_URL").await;
    assert!(!session.screen().contains('\x1b'), "{:?}", session.screen());
    session.end();
}

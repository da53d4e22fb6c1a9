//! A PostgreSQL that is started again, a table that is rewritten, and the relay's words about both.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use marty_events_tests::{http, private_servers::Server, process::Watched, servers, wait};

use crate::{
    figures::{SOON, say},
    fixture::Fixture,
    relays,
};

/// Longer than anything waits for a connection, so that relay and listener take the database for one that is away.
const OUTAGE: Duration = Duration::from_secs(40);

/// A relay process with its log and its metrics.
struct Observed {
    log: tempfile::NamedTempFile,
    address: String,
    _relay: Watched,
}

impl Observed {
    async fn start(fixture: &Fixture) -> Self {
        let log = tempfile::NamedTempFile::new().expect("a file");
        let mut command = relays::process(fixture);
        command.args(["--listen", "127.0.0.1:0"]).env("RUST_LOG", "info").stderr(log.reopen().expect("the same file"));
        let relay = Watched::start(&mut command);
        let address = wait::until("its address", || async {
            let log = fs::read_to_string(log.path()).ok()?;
            let (_, rest) = log.split_once("served at ")?;
            Some(rest.split_whitespace().next()?.to_owned())
        })
        .await;
        Self { log, address, _relay: relay }
    }

    /// The number of the process's relays that this dependency does not answer.
    fn open(&self, neighbour: &str) -> Option<f64> {
        let (_, page) = http::get(&format!("{}/metrics", self.address));
        let label = format!("dependency=\"{neighbour}\"}} ");
        let mut lines = page.lines().filter(|line| line.starts_with("marty_events_circuit_open{"));
        lines.find_map(|line| line.split_once(&label)?.1.parse().ok())
    }

    /// Lines of the log with all of these words.
    fn lines(&self, words: &[&str]) -> usize {
        let log = fs::read_to_string(self.log.path()).expect("the log").to_lowercase();
        log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// Lines that take the database for another one, or for one that lost something.
    fn alarms(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log.path()).expect("the log").to_lowercase();
        let alarms = ["set back", "another database", "another server", "other database"];
        log.lines().filter(|line| alarms.iter().any(|words| line.contains(words))).map(str::to_owned).collect()
    }
}

/// Kills the server, and starts it again after `pause`.
async fn restart(server: &Arc<Server>, pause: Duration) {
    let (killed, begin) = (server.clone(), Instant::now());
    tokio::task::spawn_blocking(move || killed.kill()).await.expect("it is killed");
    wait::until("the end of the outage", || async { (pause <= begin.elapsed()).then_some(()) }).await;
    let again = server.clone();
    let _ = tokio::task::spawn_blocking(move || again.up()).await.expect("it is there again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_started_again_is_seen_to_work_again() {
    let test = "a_database_that_was_started_again_is_seen_to_work_again";
    let (Some(brokers), Some(_)) = (servers::kafka(test), servers::postgres(test)) else { return };
    let (server, admin) = tokio::task::spawn_blocking(Server::postgres).await.expect("a server");
    let server = Arc::new(server);
    let fixture = Fixture::on_postgres(admin, &brokers).await;
    let relay = Observed::start(&fixture).await;
    fixture.deliveries.until_all(&fixture.write_healthy(10).await).await;
    // It listens, and knows that it does.
    wait::until("a listener", || async { (relay.open("listener")? == 0.0).then_some(()) }).await;

    fixture.sql("VACUUM FULL event_outbox").await;
    let rewritten = fixture.deliveries.await_all(&fixture.write_healthy(10).await, SOON).await;
    let alarms = relay.alarms().len();
    restart(&server, Duration::ZERO).await;
    wait::until("a connection", || async { fixture.outbox.stats().await.ok() }).await;
    let quickly = fixture.deliveries.await_all(&fixture.write_healthy(10).await, SOON).await;
    let alarms_of_restart = relay.alarms().len() - alarms;
    restart(&server, OUTAGE).await;
    wait::until("a connection", || async { fixture.outbox.stats().await.ok() }).await;
    let restarted = fixture.deliveries.await_all(&fixture.write_healthy(10).await, SOON).await;
    let neighbours = ["database", "listener"];
    let begin = Instant::now();
    // By then the listener has tried often enough.
    let mut open = [Some(1.0); 2];
    while begin.elapsed() < wait::patient(Duration::from_secs(45)) && open != [Some(0.0); 2] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        open = neighbours.map(|neighbour| relay.open(neighbour));
    }
    // The reason may name the database in a line about the listener.
    let names = ["outbox database", "listener"];
    let [away, back] = ["cannot reach the", "reached the"].map(|text| names.map(|name| relay.lines(&[text, name])));
    say(
        "restart",
        "PostgreSQL",
        format_args!(
            "rewritten: events {rewritten}, {alarms} alarms; restarted: events {quickly}, {alarms_of_restart} alarms; away for \
             {} s: events {restarted}, circuit_open of database and listener {open:?}, lines `cannot reach the` {away:?} and \
             `reached the` {back:?}",
            OUTAGE.as_secs()
        ),
    );
    rewritten.assert_all("events after VACUUM FULL");
    quickly.assert_all("events after a restart");
    restarted.assert_all("events after an outage");
    assert_eq!(open, [Some(0.0); 2], "the circuits are closed");
    assert_eq!(away, back, "each line about an outage has one about its end");
    assert_eq!(relay.alarms(), [""; 0], "a restart is not another database");
}

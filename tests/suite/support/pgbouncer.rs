//! A `PgBouncer` of a test's own, before a PostgreSQL.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::{Child, Command, Stdio},
    str::FromStr,
};

use marty_events_tests::{ports, servers};
use sqlx::postgres::PgConnectOptions;

/// Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Pooler {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// The number of connections to the server that a pooler in transaction mode has: few, to be shared by many clients.
    pub(crate) const SHARED: usize = 4;

    /// A pooler in `mode` for every database of the server that `admin` is the URL of, with these lines in its configuration and set up as it
    /// comes otherwise. Nothing, after reporting `test` as skipped, where none is installed.
    pub(crate) fn start(test: &str, admin: &str, mode: &str, lines: &str) -> Option<Self> {
        if Command::new("pgbouncer").arg("--version").stdout(Stdio::null()).status().is_err() {
            servers::skip(test, "pgbouncer is not installed");
            return None;
        }
        // It does not run as root, and only root can make it run as another user.
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let runs_as = if is_root { "user = nobody\n" } else { "" };
        let behind = PgConnectOptions::from_str(admin).expect("a PostgreSQL URL");
        let password = admin.split_once("://").and_then(|(_, rest)| rest.split_once('@')).expect("a user").0;
        let (user, password) = password.split_once(':').expect("a password");
        let port = ports::one();
        let folder = tempfile::tempdir().expect("a directory");
        let settings = folder.path().join("pgbouncer.ini");
        let ini = format!(
            "[databases]\n* = host={} port={} user={user} password={password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = {mode}\nunix_socket_dir =\n{runs_as}\
             default_pool_size = {}\n{lines}\n",
            behind.get_host(),
            behind.get_port(),
            // In session mode each client keeps its connection.
            if mode == "session" { 60 } else { Self::SHARED },
        );
        fs::write(&settings, ini).expect("a file");
        let process = Command::new("pgbouncer").arg("-q").arg(&settings).stderr(Stdio::null()).spawn();
        Some(Self { process: process.expect("it starts"), port, _folder: folder })
    }

    /// The URL of a database, by the pooler.
    pub(crate) fn url(&self, url: &str) -> String {
        let database = url.rsplit_once('/').expect("a database").1;
        format!("postgres://anybody@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

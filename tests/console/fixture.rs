//! A console on a database of its own, and visitors to it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use marty_events_tests::{
    database::TestDatabase,
    process::{Watched, command_line},
    wait,
};
use sqlx::PgPool;
use tempfile::TempDir;
use uuid::Uuid;

/// Asked of cargo once.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(command_line);

pub(crate) const TOKEN: &str = "cb2f0f8e6a51d4937d20cb2f0f8e6a51";

/// The command on a free port of this machine.
pub(crate) fn command(database_url: &str, arguments: &[&str]) -> Command {
    command_at("127.0.0.1:0", database_url, arguments)
}

/// The command, with nothing of this process's own settings.
pub(crate) fn command_at(address: &str, database_url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM.as_path());
    command.args(["console", "--listen", address]).args(arguments);
    command.env("DATABASE_URL", database_url).env_remove("MARTY_EVENTS_CONSOLE_TOKEN");
    command.stdin(Stdio::null());
    command
}

pub(crate) struct Console {
    pub(crate) process: Watched,
    /// Host and port.
    pub(crate) address: String,
    folder: TempDir,
}

impl Console {
    /// Without a token.
    pub(crate) fn open(database_url: &str, arguments: &[&str]) -> Self {
        Self::start(&mut command(database_url, arguments))
    }

    /// With [`TOKEN`].
    pub(crate) fn closed(database_url: &str, arguments: &[&str]) -> Self {
        Self::start(command(database_url, arguments).env("MARTY_EVENTS_CONSOLE_TOKEN", TOKEN))
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a file");
        let process = Watched::start(command.stderr(log));
        let line = process.line(wait::DEADLINE);
        let log = fs::read_to_string(folder.path().join("log")).expect("the log");
        let line = line.unwrap_or_else(|| panic!("the console starts: {log}"));
        let address = line.strip_prefix("listening on http://").expect("the address").to_owned();
        Self { process, address, folder }
    }

    /// The process's log so far, without colours.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).expect("the log");
        let mut parts = log.split('\u{1b}');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
    }

    /// A browser without a cookie.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor { address: self.address.clone(), cookie: None, form_token: None }
    }

    /// One that has shown [`TOKEN`].
    pub(crate) fn signed_in(&self) -> Visitor {
        let mut visitor = self.visitor();
        visitor.get("/sign-in");
        assert_eq!(visitor.post("/sign-in", &[("token", TOKEN)]).status, 303);
        assert_eq!(visitor.get("/").status, 200);
        visitor
    }

    /// The answer to curl, with these arguments besides.
    pub(crate) fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        curl(&self.address, path, arguments)
    }
}

fn curl(address: &str, path: &str, arguments: &[&str]) -> Answer {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--include", "--path-as-is", "--noproxy", "*"])
        .args(arguments)
        .arg(format!("http://{address}{path}"))
        .output();
    Answer::read(&output.expect("curl is installed"))
}

/// Handles cookies, forms and origins as a browser does.
#[derive(Clone)]
pub(crate) struct Visitor {
    address: String,
    pub(crate) cookie: Option<String>,
    /// The token of the last page that had one.
    pub(crate) form_token: Option<String>,
}

impl Visitor {
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(path, &[])
    }

    /// The form of the last page, with these fields besides.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = format!("Origin: http://{}", self.address);
        self.post_with(path, fields, &["--header", &origin, "--header", "Sec-Fetch-Site: same-origin"])
    }

    /// The same with other headers.
    pub(crate) fn post_with(&mut self, path: &str, fields: &[(&str, &str)], arguments: &[&str]) -> Answer {
        let form_token = self.form_token.clone();
        let own = form_token.as_deref().map(|token| ("form_token", token));
        let pairs: Vec<_> = own.iter().chain(fields).map(|(name, value)| format!("{name}={value}")).collect();
        let mut all = vec!["--request", "POST"];
        for pair in &pairs {
            all.extend(["--data-urlencode", pair]);
        }
        if pairs.is_empty() {
            all.extend(["--data", ""]);
        }
        all.extend(arguments);
        self.ask(path, &all)
    }

    pub(crate) fn ask(&mut self, path: &str, arguments: &[&str]) -> Answer {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}"));
        let mut all = arguments.to_vec();
        if let Some(cookie) = &cookie {
            all.extend(["--header", cookie]);
        }
        let answer = curl(&self.address, path, &all);
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        let form_token =
            answer.body.split_once("name=\"form_token\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        self.form_token = form_token.map(|(token, _)| token.to_owned()).or(self.form_token.take());
        answer
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn read(output: &Output) -> Self {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let (head, body) = text.split_once("\r\n\r\n").expect("headers");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.parse().expect("a number"),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The targets of the page's links that begin with `path`.
    pub(crate) fn links(&self, path: &str) -> Vec<String> {
        let parts = self.body.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"'));
        parts.map(|(link, _)| link.replace("&amp;", "&")).filter(|link| link.starts_with(path)).collect()
    }
}

/// Puts a dead letter into the database.
pub(crate) async fn bury(pool: &PgPool, topic: &str, key: &str, reason: &str, payload: &[u8]) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO event_outbox_dead_letters (event_id, seq, event_type, topic, record_key, ordering_key, key_hash,
             headers, payload, encoding, created_at, attempts, reason)
         VALUES ($1, (SELECT 1 + count(*) FROM event_outbox_dead_letters), 'moved', $2, $3, $3, 7,
             '[[\"ce_type\", \"moved\"]]', $4, 1, now() - interval '1 hour', 5, $5)",
    )
    .bind(id)
    .bind(topic)
    .bind(key)
    .bind(payload)
    .bind(reason)
    .execute(pool)
    .await
    .expect("a dead letter");
    id
}

/// One that is like any other.
pub(crate) async fn bury_one(database: &TestDatabase) -> Uuid {
    bury(&database.pool, "bank.account", "account-1", "MessageSizeTooLarge", br#"{"secret":"of a person"}"#).await
}

/// The numbers of dead letters and of waiting events.
pub(crate) async fn counts(database: &TestDatabase) -> (u64, u64) {
    let stats = marty_events::OutboxRepository::new(&database.pool).stats().await.expect("the counts");
    (stats.dead, stats.pending)
}

/// The exit code and the error output of a program that should refuse to start.
pub(crate) async fn refusal(command: Command) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::from(command);
    let ended = wait::answer(wait::DEADLINE, "a refusal to start", command.kill_on_drop(true).output());
    let output = ended.await.expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

//! The pictures of the pages in docs/images, which `UPDATE_IMAGES=1` makes anew.

use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use marty_events_tests::database::TestDatabase;
use serde_json::json;
use sqlx::PgPool;
use tokio::task::JoinHandle;

use crate::webdriver::Browser;

/// So long do events come and go before the first picture, so that the lines have a shape. The lines then span five minutes in all of
/// the pictures.
const TIME: Duration = Duration::from_secs(255);

/// The texts of the other tests are hostile, and their payloads short. A picture shows a service as it is.
const AS_IN_A_SERVICE: [&str; 5] = [
    "UPDATE event_outbox SET event_id = overlay(event_id::text placing '01935f71-2a4b-7c3b-9e21-4b6d0a8f57' from 1 for 34)::uuid,
        payload = repeat('x', 412 + attempts)::bytea, last_error = replace(last_error, 'MessageSizeTooLarge <b>',
            'TopicAuthorizationFailed: the relay may not write to bank.account')",
    "UPDATE event_outbox SET record_key = 'user-7', ordering_key = 'user-7' WHERE record_key = 'user-<i>'",
    "UPDATE event_outbox_dead_letters SET event_type = 'account_moved', died_at = now() - (40 - seq) * interval '47 seconds',
        headers = replace(headers, 'moved', 'account_moved')",
    "UPDATE event_outbox_dead_letters SET event_type = 'ledger_closed' WHERE topic = 'bank.ledger'",
    "UPDATE event_inbox_parked SET consumer_group = replace(consumer_group, ' & <more>', ''), reason = replace(reason, '<b> ', ''),
        event_id = '01935f73-5d1e-7a90-b44c-07e21c9d' || lpad(to_hex(4096 + id), 4, '0'), value = repeat('x', 397)::bytea",
];

/// Does nothing unless the pictures are made anew.
pub(crate) struct Album {
    /// Fills the first database, for as long as the album is open.
    life: Option<JoinHandle<()>>,
    /// The names of the tests' databases, and those in the pictures.
    names: Vec<(String, &'static str)>,
}

impl Album {
    /// Fills the first database as a service does, and returns after [`TIME`].
    pub(crate) async fn begin(databases: &[(&TestDatabase, &'static str)]) -> Self {
        let life = env::var_os("UPDATE_IMAGES").map(|_| tokio::spawn(live(databases[0].0.pool.clone())));
        if life.is_some() {
            tokio::time::sleep(TIME).await;
        }
        let place = |url: &str| url.rsplit_once('@').map_or(url, |(_, place)| place).to_owned();
        Self { life, names: databases.iter().map(|(database, name)| (place(&database.url), *name)).collect() }
    }

    /// Keeps a picture of the page that the browser shows.
    pub(crate) fn keep(&self, browser: &Browser, page: &str, width: u32) {
        if self.life.is_none() {
            return;
        }
        for (place, name) in &self.names {
            let (place, name) = (json!(place), json!(format!("db:5432/{name}")));
            browser.run(&format!(
                "const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                 while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace({place}, {name})"
            ));
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
        let picture = fs::File::create(folder.join(format!("console-{page}-{width}.png"))).expect("a file");
        let mut decode = Command::new("base64");
        let mut running =
            decode.arg("--decode").stdin(Stdio::piped()).stdout(picture).spawn().expect("base64 is installed");
        running.stdin.take().expect("it is piped").write_all(browser.picture(width).as_bytes()).expect("it reads");
        assert!(running.wait().expect("it ends").success());
    }
}

impl Drop for Album {
    fn drop(&mut self) {
        if let Some(life) = &self.life {
            life.abort();
        }
    }
}

async fn live(pool: PgPool) {
    for sql in AS_IN_A_SERVICE {
        sqlx::query(sql).execute(&pool).await.expect("the rows are changed");
    }
    for second in 0.. {
        // Both rise and fall: the pace every 60 s, the backlog every 100 s.
        let (pace, backlog) = (15 + (second % 60 - 30_i64).abs(), 10 + 2 * (second % 100 - 50_i64).abs());
        for (sql, number) in [
            ("UPDATE event_outbox_lanes SET published = published + $1 WHERE lane = 1", pace),
            ("DELETE FROM event_outbox WHERE record_key IS NULL AND 0 < $1", backlog),
            (
                "INSERT INTO event_outbox (event_id, event_type, topic, key_hash, headers, payload)
                 SELECT overlay(gen_random_uuid()::text placing '01935f72-' || lpad(to_hex(number), 4, '0') || '-7' from 1 for 15)::uuid,
                     'statement_sent', 'bank.statement', 7, '[]', repeat('x', 380 + (number % 90)::int)::bytea
                 FROM generate_series(1, $1) number",
                backlog,
            ),
        ] {
            sqlx::query(sql).bind(number).execute(&pool).await.expect("the statement is executed");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

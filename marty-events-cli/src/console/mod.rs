//! Web pages on outboxes: their backlog, their relays, the consumer groups beside them, and dead letters, which can be requeued or discarded.
//!
//! Every request passes two checks before a page is made: `guard` looks at the host and at the page of origin, and
//! `admission` at the session. People sign in with a token (`token`, `sign_in`).

mod admission;
mod alike;
mod attempts;
mod bulk;
mod change;
mod changes;
mod chart;
mod condition;
mod cookie;
mod dead_letters;
mod failure;
mod find;
mod fleet;
mod groups;
mod guard;
mod headers;
mod history;
mod id;
mod letter;
mod letters;
mod origin;
mod outbox;
mod overview;
mod page;
mod selection;
mod sessions;
mod sign_in;
mod state;
mod text;
mod token;
mod visit;
mod waiting;
mod watch;

use std::{collections::HashSet, fmt, future::IntoFuture, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Extension, Router, middleware, routing::get};
use clap::Args;
use marty_events::inbox::InboxTable;
use serde::Serialize;
use tokio::{
    net::TcpListener,
    time::{Instant, MissedTickBehavior},
};

use self::{
    failure::within,
    origin::{Origins, PublicUrl},
    outbox::ShownOutbox,
    state::Console,
    token::Token,
};
use crate::{
    database::Outbox,
    exit::Exit,
    failure::{Failure, Result},
    output::Output,
    shared::Shared,
    stop,
};

/// The time that requests under way have once the process is asked to end.
const GRACE: Duration = Duration::from_secs(5);

/// The console's address, and the people who may reach it.
#[derive(Debug, Args)]
pub(crate) struct ConsoleSettings {
    /// The address to serve at. An address that other machines reach needs a token.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// A file with the token for signing in, instead of `MARTY_EVENTS_CONSOLE_TOKEN` [default: no token].
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// The address by which people reach it through a reverse proxy, for example `https://events.example.com`. It needs a
    /// token [default: --listen].
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// The name of the environment, such as `production`, in the header of every page [default: none].
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// One of several outboxes, as `NAME=URL#TABLE`; repeated, or several with blanks between in the variable. `#TABLE` may be left out
    /// [default: the outbox of the global options].
    #[arg(
        long = "outbox",
        env = "MARTY_EVENTS_CONSOLE_OUTBOXES",
        hide_env_values = true,
        value_name = "NAME=URL#TABLE",
        value_delimiter = ' '
    )]
    outboxes: Vec<String>,
    /// The inbox table beside each outbox, as table or schema.table. Consumer groups are shown where it is there.
    #[arg(long, value_name = "TABLE", default_value_t)]
    inbox_table: InboxTable,
    /// Show pages without requeueing and discarding.
    #[arg(long)]
    read_only: bool,
}

#[derive(Serialize)]
struct Listening {
    listening: String,
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listening on {}", self.listening)
    }
}

/// Serves until SIGINT or SIGTERM.
pub(crate) async fn serve(settings: ConsoleSettings, shared: &Shared, output: Output) -> Result<Exit> {
    let failed = |problem: String| Failure::new(Exit::Failed, problem);
    let outboxes = shown(&settings.outboxes, &settings.inbox_table, shared)?;
    let token = Token::given(settings.token_file.as_deref()).map_err(failed)?;
    if token.is_none() {
        refuse_strangers(&settings).map_err(failed)?;
    }
    let is_encrypted = settings.public_url.as_ref().is_some_and(PublicUrl::is_encrypted);
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|error| failed(format!("the console cannot listen on {}: {error}", settings.listen)))?;
    let address = listener.local_addr()?;
    if !is_loopback(address) && !is_encrypted {
        tracing::warn!(%address, "the token and the pages cross the network unencrypted; put a proxy with TLS in front");
    }
    let origins = Origins::new(address.ip(), settings.public_url);
    let console = Arc::new(Console::new(outboxes, settings.title, token, origins, settings.read_only, is_encrypted));

    let stop = stop::when_asked();
    for outbox in &console.outboxes {
        tokio::spawn(watch(outbox.clone()));
    }
    output.answer(&Listening { listening: format!("http://{address}") })?;
    let service = routes(console).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        served = served.into_future() => served?,
        // A connection whose request never ends would hold up the process.
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {}
    }
    Ok(Exit::Done)
}

/// The outboxes to show: those of `--outbox`, or that of the options that every command has.
fn shown(named: &[String], inbox: &InboxTable, shared: &Shared) -> Result<Vec<Arc<ShownOutbox>>> {
    let texts = named.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let outboxes = texts.map(|text| ShownOutbox::named(text, inbox)).collect::<Result<Vec<_>>>()?;
    let mut taken = HashSet::new();
    if let Some(twice) = outboxes.iter().find(|outbox| !taken.insert(&outbox.name)) {
        return Err(Failure::new(Exit::Usage, format!("two outboxes have the name {}", twice.name)));
    }
    if outboxes.is_empty() {
        return Ok(vec![Arc::new(ShownOutbox::only(Outbox::of(shared)?, inbox))]);
    }
    Ok(outboxes.into_iter().map(Arc::new).collect())
}

/// Counts the outbox for the lines of the last hour, also while no page is open.
async fn watch(outbox: Arc<ShownOutbox>) {
    // The first pages lead to the inbox then, if there is one.
    outbox.watch.look_at_inbox(&outbox.inbox).await;
    let mut ticks = tokio::time::interval_at(Instant::now() + history::STEP, history::STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A page reports the failure to people. The line has a gap.
        if within(outbox.look()).await.is_err() {
            tracing::debug!(outbox = outbox.name, "the outbox gave no counts");
        }
    }
}

/// Refuses an address that other machines reach: without a token everybody there could do everything.
fn refuse_strangers(settings: &ConsoleSettings) -> Result<(), String> {
    let cure = format!("set {} or give --token-file", token::VARIABLE);
    if !is_loopback(settings.listen) {
        return Err(format!(
            "the console would be open to everybody who reaches {}; {cure}, or listen on 127.0.0.1",
            settings.listen
        ));
    }
    match &settings.public_url {
        Some(url) => Err(format!("the console would be open to everybody who reaches {url}; {cure}")),
        None => Ok(()),
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// The last layer sees a request first.
fn routes(console: Arc<Console>) -> Router {
    let mut pages = Router::new();
    for outbox in &console.outboxes {
        let own = outbox_routes(console.is_read_only).layer(Extension(outbox.clone()));
        pages = if outbox.base.is_empty() { pages.merge(own) } else { pages.nest(&outbox.base, own) };
    }
    if console.outboxes.iter().all(|outbox| !outbox.base.is_empty()) {
        pages = pages.route("/", get(fleet::show));
    }
    pages
        .merge(sign_in::routes())
        .fallback(page::not_found)
        .layer(middleware::from_fn_with_state(console.clone(), admission::admit))
        .route("/style.css", get(page::style))
        .layer(middleware::from_fn_with_state(console.clone(), guard::guard))
        .layer(middleware::from_fn(headers::secure))
        .with_state(console)
}

/// The pages about one outbox.
fn outbox_routes(is_read_only: bool) -> Router<Arc<Console>> {
    Router::new()
        .route("/", get(overview::show))
        .route("/waiting", get(waiting::show))
        .route("/events", get(find::show))
        .merge(groups::routes())
        .merge(dead_letters::routes(is_read_only))
}

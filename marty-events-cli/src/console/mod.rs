//! Web pages on the outbox: its backlog, its relays, and its dead letters, which can be requeued or discarded.
//!
//! Every request passes two checks before a page is made: `guard` looks at the host and at the page of origin, and
//! `admission` at the session. People sign in with a token (`token`, `sign_in`).

mod admission;
mod attempts;
mod changes;
mod cookie;
mod dead_letters;
mod failure;
mod guard;
mod headers;
mod letter;
mod origin;
mod overview;
mod page;
mod sessions;
mod sign_in;
mod state;
mod token;
mod watch;

use std::{fmt, future::IntoFuture, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, middleware, routing::get};
use clap::Args;
use serde::Serialize;
use tokio::net::TcpListener;

use self::{
    origin::{Origins, PublicUrl},
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
    /// A file with the token for signing in, instead of `MARTY_EVENTS_CONSOLE_TOKEN`.
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// The address by which people reach it through a reverse proxy, for example `https://events.example.com`. Needs a
    /// token.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
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
    let repository = Outbox::of(shared)?.repository;
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
    let console = Arc::new(Console::new(repository, token, origins, settings.read_only, is_encrypted));

    let stop = stop::when_asked();
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
    Router::new()
        .route("/", get(overview::show))
        .merge(sign_in::routes())
        .merge(dead_letters::routes(console.is_read_only))
        .fallback(page::not_found)
        .layer(middleware::from_fn_with_state(console.clone(), admission::admit))
        .route("/style.css", get(page::style))
        .layer(middleware::from_fn_with_state(console.clone(), guard::guard))
        .layer(middleware::from_fn(headers::secure))
        .with_state(console)
}

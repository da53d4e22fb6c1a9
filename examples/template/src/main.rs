//! Start and stop.

use marty_events::{CancellationToken, OutboxRelay};
use sqlx::PgPool;
use tracing_subscriber::EnvFilter;
use {{crate_name}}::routes::routes;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();

    let pool = PgPool::connect(&std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set")?).await?;
    sqlx::migrate!().run(&pool).await?;
    marty_events::outbox::migrate(&pool).await?;

    let events = marty_events::init().await?; // reads the environment
    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(&pool).build()?.run(stop.clone()));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    tracing::info!(address = %listener.local_addr()?, "serving");
    axum::serve(listener, routes(pool)).with_graceful_shutdown(asked_to_stop()).await?;

    // No more requests by now; then the relay settles the events in flight, then the direct events are flushed.
    stop.cancel();
    relay.await??;
    events.shutdown().await?;
    Ok(())
}

/// Ends at Ctrl-C.
async fn asked_to_stop() {
    drop(tokio::signal::ctrl_c().await);
}

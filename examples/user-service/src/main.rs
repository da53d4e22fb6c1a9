//! Users over HTTP, on PostgreSQL and Apache Kafka, with the relay in the same process.

mod routes;
mod users;

use marty_events::{CancellationToken, OutboxRelay};
use sqlx::PgPool;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let url = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set; see the README")?;
    let pool = PgPool::connect(&url).await?;
    users::create_table(&pool).await?;
    marty_events::outbox::migrate(&pool).await?;

    let events = marty_events::init().await?;
    let stop = CancellationToken::new();
    let relay = tokio::spawn(OutboxRelay::builder(&pool).build()?.run(stop.clone()));

    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes::routes(users::Users { pool })).with_graceful_shutdown(asked_to_stop()).await?;

    // The order counts: no more requests, then the relay settles the events in flight, then the direct events are flushed.
    stop.cancel();
    relay.await??;
    events.shutdown().await?;
    println!("stopped");
    Ok(())
}

/// Ends at Ctrl-C, and at the SIGTERM of a service manager.
async fn asked_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => drop(interrupted.await),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn events_stay_compatible() {
        marty_events::catalogue::assert_compatible("events.json");
    }
}

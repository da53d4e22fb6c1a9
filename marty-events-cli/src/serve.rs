//! Metrics and health of a relay process over HTTP.
//!
//! | path | answers |
//! |---|---|
//! | `/metrics` | 200, in Prometheus' text format |
//! | `/health/live` | 200 while the relay has not ended: an outage is not a reason to restart it |
//! | `/health/ready` | 200 while the relay is ready ([`RelayHealth::is_ready`]); else 503 and the reason |

use std::{future::ready as answer_now, io, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use marty_events::{RelayHealth, RelayState};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Buckets from a statement of a millisecond to an outage of hours.
const SECONDS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 1_800.0, 7_200.0];
const ROWS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];
/// The pause between two upkeeps, which move observations from memory into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder of metrics for the whole process.
pub(crate) fn count() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), &ROWS)?
        .install_recorder()
}

/// Serves at `address` until the process ends.
pub(crate) async fn serve(address: &str, metrics: PrometheusHandle, relay: RelayHealth) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tracing::info!("metrics and health are served at http://{address}");
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    tokio::spawn(axum::serve(listener, routes(metrics, relay)).into_future());
    Ok(())
}

fn routes(metrics: PrometheusHandle, relay: RelayHealth) -> Router {
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Router::new()
        .route("/metrics", get(move || answer_now((text, metrics.render()))))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(relay)
}

async fn live(State(relay): State<RelayHealth>) -> impl IntoResponse {
    let state = relay.state();
    answer(state != RelayState::Stopped, &format!("the relay {state}"))
}

async fn ready(State(relay): State<RelayHealth>) -> impl IntoResponse {
    let reason = match relay.silence() {
        Some(silence) => format!("the outbox database has not answered for {:.0} s", silence.as_secs_f64()),
        None => format!("the relay {}", relay.state()),
    };
    answer(relay.is_ready(), &reason)
}

fn answer(is_well: bool, reason: &str) -> (StatusCode, Json<Value>) {
    let (code, status) =
        if is_well { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(json!({"status": status, "reason": reason})))
}

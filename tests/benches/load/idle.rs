//! A relay with nothing to do.

use std::{str::FromStr, time::Duration};

use marty_events::OutboxRelay;
use marty_events_tests::counting_proxy::CountingProxy;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{
    Failure, processor,
    report::Sample,
    stage::{RunningRelay, Stage},
};

/// The time in which a relay finds its lanes, and finds out that there is nothing.
const SETTLING: Duration = Duration::from_secs(5);

pub(crate) async fn round(seconds: u64) -> Result<Vec<Sample>, Failure> {
    let stage = Stage::new().await?;
    // The server's own count has the visits of its vacuum, and has a session's last statements up to 10 s after them.
    let options = PgConnectOptions::from_str(&stage.database.url)?;
    let proxy = CountingProxy::start(&options).await;
    let pool = PgPoolOptions::new().connect_lazy_with(proxy.options(options));
    let relay = RunningRelay::start(OutboxRelay::builder(&pool).config(stage.config.clone()))?;
    tokio::time::sleep(SETTLING).await;
    let (before, cpu) = (proxy.sent().executed, processor::own());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (cpu, after) = (processor::own() - cpu, proxy.sent().executed);
    relay.stop().await?;
    pool.close().await;
    stage.end().await;
    let seconds = Duration::from_secs(seconds).as_secs_f64();
    let asked = f64::from(u32::try_from(after - before)?);
    Ok(vec![Sample::new("statements/s", asked / seconds), Sample::new("cores", cpu / seconds)])
}

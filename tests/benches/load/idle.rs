//! A relay with nothing to do.

use std::time::Duration;

use crate::{
    Failure, processor,
    report::Sample,
    stage::{RunningRelay, Stage},
};

/// The time in which a relay finds its lanes, and finds out that there is nothing.
const SETTLING: Duration = Duration::from_secs(5);

pub(crate) async fn round(seconds: u64) -> Result<Vec<Sample>, Failure> {
    let stage = Stage::new().await?;
    let relay = RunningRelay::start(stage.relay())?;
    tokio::time::sleep(SETTLING).await;
    let (before, cpu) = (statements(&stage).await?, processor::own());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (cpu, after) = (processor::own() - cpu, statements(&stage).await?);
    relay.stop().await?;
    stage.end().await;
    let seconds = Duration::from_secs(seconds).as_secs_f64();
    let asked = f64::from(u32::try_from(after - before - 1)?);
    Ok(vec![Sample::new("statements/s", asked / seconds), Sample::new("cores", cpu / seconds)])
}

/// Every statement of a relay with nothing to do is a transaction; the one that asks is counted when it has ended.
async fn statements(stage: &Stage) -> Result<i64, Failure> {
    let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    Ok(sqlx::query_scalar(sql).fetch_one(&stage.database.pool).await?)
}

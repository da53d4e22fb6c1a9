//! The memory of a process that handles a lag, by the lag's size.

use std::{process::Command, time::Duration};

use marty_events::EventConsumer;
use marty_events_tests::process::Watched;
use sqlx::PgPool;

use super::{handlers::Effects, prepare, publish, until_effects};
use crate::{
    Failure, mebibytes, order,
    report::Sample,
    stage::{Stage, config},
};

/// Lags, the first of which is over at once: it shows the process itself.
const LAGS: [(&str, usize); 3] = [("1,000", 1_000), ("100,000", 100_000), ("1,000,000", 1_000_000)];

pub(crate) async fn round(turn: usize, seconds: u64) -> Result<Vec<Sample>, Failure> {
    let mut peaks = [0.0; LAGS.len()];
    for place in order(LAGS.len(), turn) {
        peaks[place] = peak(LAGS[place].1, seconds).await?;
    }
    Ok(LAGS.iter().zip(peaks).map(|((lag, _), peak)| Sample::new(*lag, peak)).collect())
}

/// The most memory that the process has had in its first seconds.
async fn peak(lag: usize, seconds: u64) -> Result<f64, Failure> {
    let stage = Stage::new().await?;
    prepare(&stage.database.pool).await?;
    publish(&stage, lag).await?;
    let place = [stage.database.url.as_str(), stage.brokers.as_str(), stage.prefix.as_str()];
    let process = Watched::start(Command::new(std::env::current_exe()?).arg("--handles").args(place));
    until_effects(&stage.database.pool, 1).await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let peak = mebibytes(process.peak_memory())?;
    drop(process);
    stage.end_with_topic().await?;
    Ok(peak)
}

/// The process: a consumer with the bounds that it has unless they are set, until it is killed. `place` is the database's URL, the brokers and
/// the prefix of the topics.
pub(crate) async fn handle(place: &[String]) -> Result<(), Failure> {
    let [url, brokers, prefix] = place else { return Err("a URL, brokers and a prefix".into()) };
    let pool = PgPool::connect_lazy(url)?;
    let consumer = EventConsumer::builder(&pool).config(config(brokers, prefix).build()?).group(prefix.as_str());
    Ok(consumer.handlers(Effects).build()?.run(marty_events::CancellationToken::new()).await?)
}

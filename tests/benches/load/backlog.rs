//! A backlog that a relay in a process of its own drains: what that takes of memory, and what it leaves in the table.

use std::time::Instant;

use marty_events_tests::process::Watched;

use crate::{
    Failure, order, rate,
    report::Sample,
    stage::Stage,
    steady::{OPEN, dead_rows, open_beside, relay_command},
};

pub(crate) async fn round(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    let mut samples: Vec<Vec<Sample>> = OPEN.iter().map(|_| Vec::new()).collect();
    for place in order(OPEN.len(), turn) {
        let (name, statement) = OPEN[place];
        let stage = Stage::new().await?;
        stage.fill(events).await?;
        let in_the_way = open_beside(&stage, statement).await?;
        let mut command = relay_command(&stage, &[]);
        let begin = Instant::now();
        let relay = Watched::start(&mut command);
        stage.until_delivered(events).await;
        let rate = rate(events, begin.elapsed());
        let peak = u32::try_from(relay.peak_memory() >> 10)?;
        drop(relay);
        let dead = dead_rows(&stage).await?;
        drop(in_the_way);
        stage.end().await;
        samples[place] = vec![
            Sample::new(format!("{name}, events/s"), rate),
            Sample::new(format!("{name}, dead rows"), dead),
            Sample::new(format!("{name}, peak memory in MiB"), f64::from(peak) / 1024.0),
        ];
    }
    Ok(samples.into_iter().flatten().collect())
}

//! A backlog that a relay in a process of its own drains: the memory that it takes, and the dead rows that it leaves.

use std::time::Instant;

use marty_events_tests::process::Watched;

use crate::{
    Failure, mebibytes,
    open::{self, open},
    order, rate,
    report::Sample,
    stage::Stage,
};

pub(crate) async fn round(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    let mut samples: Vec<Vec<Sample>> = open::CASES.iter().map(|_| Vec::new()).collect();
    for place in order(open::CASES.len(), turn) {
        let (name, statement) = open::CASES[place];
        let stage = Stage::new().await?;
        stage.fill(events).await?;
        let in_the_way = open(&stage, statement).await?;
        let mut command = stage.relay_command(&[]);
        let begin = Instant::now();
        let relay = Watched::start(&mut command);
        stage.until_delivered(events).await;
        let rate = rate(events, begin.elapsed());
        let peak = mebibytes(relay.peak_memory())?;
        drop(relay);
        let dead = stage.dead_rows(events).await?;
        drop(in_the_way);
        stage.end().await;
        samples[place] = vec![
            Sample::new(format!("{name}, events/s"), rate),
            Sample::new(format!("{name}, dead rows"), dead),
            Sample::new(format!("{name}, peak memory in MiB"), peak),
        ];
    }
    Ok(samples.into_iter().flatten().collect())
}

//! A service that handles events and is killed, paused and stopped by tests. It says on standard output how far a handler is. The first event
//! of each key that begins with `HELD_KEY` keeps its handler until the signal `USR1`: a time would be over too early on a busy machine.

use std::{env, time::Duration};

use marty_events::{CancellationToken, EventConfig, EventConsumer, GroupProtocol};
use marty_events_tests::effects::{Effects, EffectsDatabase};
use sqlx::{MySql, Postgres, Sqlite};
use tokio::signal::unix::{SignalKind, signal};

/// Longer than any test waits.
const LONGEST_HOLD: Duration = Duration::from_hours(1);

fn millis(name: &str) -> Duration {
    Duration::from_millis(env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or_default())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = env::var("DATABASE_URL")?;
    match url.split_once(':') {
        Some(("mysql", _)) => serve::<MySql>(&url).await,
        Some(("sqlite", _)) => serve::<Sqlite>(&url).await,
        _ => serve::<Postgres>(&url).await,
    }
}

async fn serve<DB: EffectsDatabase>(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let pool = DB::connect(url).await;
    let takes = millis("TAKES_MILLIS");
    let held = env::var("HELD_KEY").ok();
    let fails = env::var("FAILS_PER_MILLE").ok().and_then(|value| value.parse().ok()).unwrap_or(0);
    let release = CancellationToken::new();
    let released = release.clone();
    let mut released_by = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        released_by.recv().await;
        release.cancel();
    });
    let is_holding = held.is_some();
    let handlers = Effects::new(&env::var("NAME")?, move |entry, _| {
        let released = released.clone();
        let is_held = entry.number == 0 && held.as_ref().is_some_and(|held| entry.key.starts_with(held));
        Box::pin(async move {
            println!("begun {} {}", entry.key, entry.number);
            if is_held {
                released.cancelled().await;
            } else {
                tokio::time::sleep(takes).await;
            }
            let chance = rand::random_range(0..1_000);
            assert!(fails / 4 <= chance, "one of four failures is a panic");
            if chance < fails {
                return Err("the account is locked".into());
            }
            println!("done {} {}", entry.key, entry.number);
            Ok(())
        })
    });
    let protocol = match env::var("PROTOCOL").as_deref() {
        Ok("consumer") => GroupProtocol::Consumer,
        _ => GroupProtocol::Classic,
    };
    let mut consumer = EventConsumer::builder(&pool)
        .config(EventConfig::from_env()?)
        .group(env::var("GROUP")?)
        .group_protocol(protocol)
        .attempts(1_000)
        .retry_delay(Duration::from_millis(50))
        .longest_retry_delay(Duration::from_millis(500))
        .handlers(handlers);
    if is_holding {
        consumer = consumer.handler_timeout(LONGEST_HOLD);
    }
    if let Ok(time) = env::var("SESSION_MILLIS") {
        consumer = consumer.client_property("session.timeout.ms", time);
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.build()?.run(stop.clone()));
    println!("started");
    let mut terminated = signal(SignalKind::terminate())?;
    terminated.recv().await;
    stop.cancel();
    running.await??;
    println!("stopped");
    Ok(())
}

//! What each command does.

use std::error::Error;

use marty_events::{
    CancellationToken, OutboxRelayBuilder, OutboxRepository,
    outbox::{OutboxPool, OutboxTable, migrate_table},
};
use serde_json::json;

use crate::serve;

type Done = Result<(), Box<dyn Error>>;

pub(crate) async fn migrate(pool: &OutboxPool, table: &OutboxTable, as_json: bool) -> Done {
    migrate_table(pool, table).await?;
    if as_json {
        println!("{}", json!({"table": table.to_string(), "migrated": true}));
    } else {
        println!("the outbox `{table}` is up to date");
    }
    Ok(())
}

pub(crate) async fn relay(relay: OutboxRelayBuilder, listen: Option<&str>) -> Done {
    // Before the relay describes its metrics.
    let metrics = listen.map(|_| serve::count()).transpose()?;
    let relay = relay.build()?;
    if let (Some(address), Some(metrics)) = (listen, metrics) {
        serve::serve(address, metrics, relay.health())
            .await
            .map_err(|error| format!("--listen {address}: {error}; give a free address, for example 0.0.0.0:9464"))?;
    }
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        asked_to_stop().await;
        asked.cancel();
    });
    relay.run(stop).await?;
    Ok(())
}

pub(crate) async fn status(repository: &OutboxRepository, as_json: bool) -> Done {
    let stats = repository.stats().await?;
    let age = stats.oldest_pending_age.map(|age| age.as_secs_f64());
    if as_json {
        let answer = json!({
            "pending": stats.pending,
            "oldest_pending_seconds": age,
            "dead": stats.dead,
            "published": stats.published,
        });
        println!("{answer}");
    } else {
        println!("pending    {}", stats.pending);
        println!("oldest     {}", age.map_or_else(|| "-".to_owned(), |age| format!("{age:.1} s")));
        println!("dead       {}", stats.dead);
        println!("published  {}", stats.published);
    }
    Ok(())
}

pub(crate) async fn list_dead_letters(repository: &OutboxRepository, limit: u32, as_json: bool) -> Done {
    for dead in repository.dead_letters(limit).await? {
        let event = &dead.event;
        if as_json {
            let line = json!({
                "event_id": event.event_id,
                "event_type": event.event_type,
                "topic": event.topic,
                "key": event.key,
                "attempts": event.attempts,
                "reason": dead.reason,
                "died_at": dead.died_at.to_string(),
            });
            println!("{line}");
        } else {
            println!("{}  {}  {}  after {} attempts", event.event_id, dead.died_at, event.topic, event.attempts);
            println!("    {}", dead.reason);
        }
    }
    Ok(())
}

pub(crate) fn changed(what: &str, count: u64, as_json: bool) {
    if as_json {
        println!("{}", json!({what: count}));
    } else {
        println!("{what} {count}");
    }
}

/// Ends at Ctrl-C, and at the SIGTERM of a service manager.
pub(crate) async fn asked_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    drop(interrupted.await);
}

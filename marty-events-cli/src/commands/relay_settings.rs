use std::time::Duration;

use clap::Args;
use marty_events::OutboxRelayBuilder;

use crate::time::duration;

/// Settings of the relay. The defaults are the library's.
#[derive(Debug, Args)]
pub(crate) struct RelaySettings {
    /// Serve metrics and health over HTTP at this address, for example `0.0.0.0:9464`: `/metrics`, `/health/live`,
    /// `/health/ready` [default: not served].
    #[arg(long, env = "MARTY_EVENTS_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The time after which other relays take over from a silent one, for example `10s`.
    #[arg(long, value_parser = duration, default_value = "4s", value_name = "TIME")]
    lease_time: Duration,
    /// The longest pause between two reads of an empty outbox.
    #[arg(long, value_parser = duration, default_value = "1250ms", value_name = "TIME")]
    idle_poll: Duration,
    /// Do not listen for notifications of other processes: for a database behind a pooler that does not pass them on.
    #[arg(long)]
    no_listen: bool,
    /// The number of rows that one statement reads.
    #[arg(long, default_value_t = 1_000, value_name = "ROWS")]
    batch_size: u32,
    /// The number of rows that are held in memory.
    #[arg(long, default_value_t = 5_000, value_name = "ROWS")]
    in_flight: u32,
    /// The number of bytes of events that are held in memory.
    #[arg(long, default_value_t = 67_108_864, value_name = "BYTES")]
    in_flight_bytes: usize,
    /// The number of refusals by the broker after which an event becomes a dead letter.
    #[arg(long, default_value_t = 5, value_name = "NUMBER")]
    max_attempts: u32,
    /// Make no dead letters: a refused event stays in the outbox, and its ordering key waits.
    #[arg(long)]
    never_give_up: bool,
    /// Keep delivered events for this long, for example `24h`, instead of deleting them [default: not kept].
    #[arg(long, value_parser = duration, value_name = "AGE")]
    keep_published: Option<Duration>,
    /// Delete dead letters that are at least this old, for example `30d` [default: kept for ever].
    #[arg(long, value_parser = duration, value_name = "AGE")]
    keep_dead_letters: Option<Duration>,
}

impl RelaySettings {
    /// The address for metrics and health. An empty one counts as absent.
    pub(crate) fn listen(&self) -> Option<&str> {
        self.listen.as_deref().map(str::trim).filter(|address| !address.is_empty())
    }

    pub(crate) fn apply(self, relay: OutboxRelayBuilder) -> OutboxRelayBuilder {
        let relay = relay
            .lease_time(self.lease_time)
            .idle_poll(self.idle_poll)
            .listen(!self.no_listen)
            .give_up(!self.never_give_up)
            .batch_size(self.batch_size)
            .in_flight(self.in_flight)
            .in_flight_bytes(self.in_flight_bytes)
            .max_attempts(self.max_attempts);
        let relay = self.keep_published.into_iter().fold(relay, OutboxRelayBuilder::keep_published);
        self.keep_dead_letters.into_iter().fold(relay, OutboxRelayBuilder::keep_dead_letters)
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use clap::Parser;
    use marty_events::{OutboxRelay, outbox::OutboxPool};

    use super::RelaySettings;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        settings: RelaySettings,
    }

    #[tokio::test]
    async fn the_defaults_are_those_of_the_library() {
        let pool = OutboxPool::connect_lazy("postgres://app@localhost/app").expect("a pool");
        let library = OutboxRelay::builder(&pool);
        let of_help = Arguments::parse_from(["relay"]).settings.apply(OutboxRelay::builder(&pool));
        assert_eq!(format!("{of_help:?}"), format!("{library:?}"));
    }
}

use std::time::Duration;

use clap::Args;
use marty_events::OutboxRelayBuilder;

use crate::time::duration;

/// Settings of the relay. A missing option has the library's default.
#[derive(Debug, Args)]
pub(crate) struct RelaySettings {
    /// Serve metrics and health over HTTP at this address, for example `0.0.0.0:9464`: `/metrics`, `/health/live`,
    /// `/health/ready`.
    #[arg(long, env = "MARTY_EVENTS_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// The time after which other relays take over from a silent one, for example `4s`.
    #[arg(long, value_parser = duration)]
    lease_time: Option<Duration>,
    /// The longest pause between two reads of an empty outbox, for example `1s 250ms`.
    #[arg(long, value_parser = duration)]
    idle_poll: Option<Duration>,
    /// Do not listen for notifications of other processes: for a database behind a pooler that does not pass them on.
    #[arg(long)]
    no_listen: bool,
    /// The number of rows that one statement reads.
    #[arg(long)]
    batch_size: Option<u32>,
    /// The number of rows that are held in memory.
    #[arg(long)]
    in_flight: Option<u32>,
    /// The number of bytes of events that are held in memory.
    #[arg(long)]
    in_flight_bytes: Option<usize>,
    /// The number of refusals by the broker after which an event becomes a dead letter.
    #[arg(long)]
    max_attempts: Option<u32>,
    /// Make no dead letters: a refused event stays in the outbox, and its ordering key waits.
    #[arg(long)]
    never_give_up: bool,
    /// Keep delivered events for this long, for example `24h`, instead of deleting them.
    #[arg(long, value_parser = duration)]
    keep_published: Option<Duration>,
    /// Delete dead letters that are older than this, for example `720h`.
    #[arg(long, value_parser = duration)]
    keep_dead_letters: Option<Duration>,
}

impl RelaySettings {
    /// The address for metrics and health. An empty one counts as absent.
    pub(crate) fn listen(&self) -> Option<&str> {
        self.listen.as_deref().map(str::trim).filter(|address| !address.is_empty())
    }

    pub(crate) fn apply(self, relay: OutboxRelayBuilder) -> OutboxRelayBuilder {
        fn set<T>(
            relay: OutboxRelayBuilder,
            given: Option<T>,
            set: fn(OutboxRelayBuilder, T) -> OutboxRelayBuilder,
        ) -> OutboxRelayBuilder {
            match given {
                Some(value) => set(relay, value),
                None => relay,
            }
        }
        let relay = set(relay, self.lease_time, OutboxRelayBuilder::lease_time);
        let relay = set(relay, self.idle_poll, OutboxRelayBuilder::idle_poll);
        let relay = relay.listen(!self.no_listen);
        let relay = relay.give_up(!self.never_give_up);
        let relay = set(relay, self.batch_size, OutboxRelayBuilder::batch_size);
        let relay = set(relay, self.in_flight, OutboxRelayBuilder::in_flight);
        let relay = set(relay, self.in_flight_bytes, OutboxRelayBuilder::in_flight_bytes);
        let relay = set(relay, self.max_attempts, OutboxRelayBuilder::max_attempts);
        let relay = set(relay, self.keep_published, OutboxRelayBuilder::keep_published);
        set(relay, self.keep_dead_letters, OutboxRelayBuilder::keep_dead_letters)
    }
}

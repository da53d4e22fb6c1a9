use std::time::Duration;

use clap::Args;
use marty_events::OutboxRelayBuilder;

use crate::time::duration;

/// How the relay works; what is not given has the library's default.
#[derive(Debug, Args)]
pub(crate) struct RelaySettings {
    /// Serve metrics and health over HTTP at this address, for example `0.0.0.0:9464`: `/metrics`, `/health/live`,
    /// `/health/ready`.
    #[arg(long, env = "MARTY_EVENTS_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// How long the other relays wait before they take over from one that went silent, for example `4s`.
    #[arg(long, value_parser = duration)]
    lease_time: Option<Duration>,
    /// The longest pause between two looks into an empty outbox, for example `1s 250ms`.
    #[arg(long, value_parser = duration)]
    idle_poll: Option<Duration>,
    /// Do not listen for what other processes announce: for a database behind a pooler that passes no notifications on.
    #[arg(long)]
    no_listen: bool,
    /// How many rows one statement reads.
    #[arg(long)]
    batch_size: Option<u32>,
    /// How many rows are held in memory.
    #[arg(long)]
    in_flight: Option<u32>,
    /// How many bytes of events are held in memory.
    #[arg(long)]
    in_flight_bytes: Option<usize>,
    /// How often the broker may refuse an event before it goes to the dead letters.
    #[arg(long)]
    max_attempts: Option<u32>,
    /// Keep an event that the broker goes on refusing where it is, and its ordering key waiting.
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
    /// The address for metrics and health; an empty one counts as absent.
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

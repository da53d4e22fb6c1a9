//! The relay: carries committed events from the outbox to Kafka.
//!
//! It promises delivery at least once, in the order of the inserts per ordering key. A row stays in the outbox until the
//! broker has acknowledged its record, so there is no position to lose. After any end of a relay, the next one begins with
//! the rows that are there, and goes on reading by the mark of the one before. Relays share the work by lanes, into which
//! the ordering keys are divided: each lane has one owner at a time, by a lease in the database and a term that every
//! statement that removes rows checks.
//!
//! Nothing that merely degrades stops a relay. `docs/architecture.md` shows its parts.
//!
//! | word | meaning |
//! |---|---|
//! | lane | one of the 16 parts of the outbox, by a hash of the ordering key; it has one owner at a time |
//! | lease | the time for which a relay owns its lanes; a heartbeat renews it |
//! | term | a relay's time with its lanes, and the number of that time in each lane's row; a statement with an old number changes nothing |
//! | tenure | the lanes that a relay has in a term, and the heartbeat that keeps them |
//! | heartbeat | the statement by which a relay renews its lease, reports its count of settled events and takes free lanes |
//! | ordering key | aggregate type and id; events of one key are delivered in the order of their inserts |
//! | position | the number up to which a relay has read, and the gaps below it where a late commit may still appear |
//! | send window | the rows that a relay has read and not yet settled, bounded in number and in bytes |
//! | in flight | handed to the Kafka client and not yet acknowledged |
//! | bundle | the first rows of an ordering key with many, under way together as one batch, which a broker takes or refuses as a whole |
//! | acknowledge | the broker's answer that it has a record safely |
//! | settle | to remove acknowledged rows from the outbox, under the terms of their lanes |
//! | bury | to move a row to the dead letters |
//! | dead letter | an event that the broker refuses for good, kept with the reason until it is requeued or discarded |
//! | fallback | the outbox in its second part: it keeps direct events that the broker did not take |

mod builder;
#[cfg(test)]
mod chance;
mod circuit;
mod delivery;
mod health;
mod intake;
mod job;
mod maintenance;
mod settlement;
mod tenure;
mod term;
mod window;

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use builder::OutboxRelayBuilder;
pub use health::{RelayHealth, RelayState};

use circuit::Circuit;
use delivery::RelayProducer;
use health::HealthCell;
use term::End;

use crate::{
    EventError,
    config::EventConfig,
    kafka::Reach,
    observe::{self, Dependency},
    outbox::{OutboxPool, OutboxTable, Queue, RelayName, Tally, Wake, on_store},
};

/// The shortest pause between two tries to take a lane.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// Carries committed events from the outbox to Kafka; in the service's process or in one of its own.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool, config: marty_events::EventConfig) -> Result<(), marty_events::EventError> {
/// use marty_events::{CancellationToken, OutboxRelay};
///
/// let stop = CancellationToken::new();
/// let relay = tokio::spawn(OutboxRelay::builder(pool).config(config).build()?.run(stop.clone()));
/// // ... serve ...
/// stop.cancel();
/// # let _ = relay;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct OutboxRelay {
    pool: OutboxPool,
    table: OutboxTable,
    /// The outbox's name in metrics and in the log.
    outbox: Arc<str>,
    config: EventConfig,
    settings: Settings,
    health: HealthCell,
}

/// The settings of a relay; the builder explains each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    lease_time: Duration,
    idle_poll: Duration,
    batch_size: u32,
    in_flight: u32,
    in_flight_bytes: usize,
    max_attempts: u32,
    gives_up: bool,
    retry_delay: Duration,
    drain_time: Duration,
    keep_published: Option<Duration>,
    keep_dead_letters: Option<Duration>,
    listens: bool,
    stats_interval: Duration,
}

/// The parts that a running relay has from its beginning to its end.
struct Running<'a, S> {
    store: &'a S,
    config: &'a EventConfig,
    settings: Settings,
    wake: &'a Wake,
    health: &'a HealthCell,
    outbox: &'a Arc<str>,
    relay: Uuid,
    name: &'a Arc<RelayName>,
}

/// The dependencies of a relay. They outlive a term, and so does its knowledge of them.
struct Dependencies {
    database: Circuit,
    broker: Circuit,
    tally: Tally,
}

impl<S> Clone for Running<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Running<'_, S> {}

impl Settings {
    /// The pause between two heartbeats. With each the relay also looks for rows that nothing announced.
    fn beat(&self) -> Duration {
        self.idle_poll.min(self.lease_time / 3)
    }
}

impl OutboxRelay {
    /// A relay for the outbox in `pool`'s database.
    ///
    /// It makes up to eight connections of its own with the pool's options, and in PostgreSQL one more that
    /// [listens](OutboxRelayBuilder::listen). In SQLite it uses the pool itself.
    pub fn builder(pool: impl Into<OutboxPool>) -> OutboxRelayBuilder {
        OutboxRelayBuilder::new(pool.into())
    }

    /// The state of this relay, from now until it has stopped; for a health check of its process.
    #[must_use]
    pub fn health(&self) -> RelayHealth {
        self.health.health()
    }

    /// Relays until `stop` is cancelled, then waits for the events in flight, settles them and gives its lanes back.
    ///
    /// The relay waits for a broker or a database that is away, with growing pauses; nothing is lost or counted against an event
    /// meanwhile. Dropping the future stops at once: events that were sent and not settled are sent again later, with the same ids.
    ///
    /// # Errors
    ///
    /// [`EventError::OutboxTableMissing`], [`EventError::OutboxForbidden`], [`EventError::OutboxUnfit`], [`EventError::CachedSequence`],
    /// and [`EventError::Kafka`] or [`EventError::Background`] (a producer that cannot be made), at the start.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EventError> {
        let Self { pool, table, outbox, config, settings, health } = self;
        // The relay has connections of its own: a service's use of its pool keeps no heartbeat waiting.
        let pool = pool.own();
        on_store!(&pool, table, store => {
            let store = store.with_own_pool();
            let (wake, relay) = (Wake::default(), Uuid::now_v7());
            let name = Arc::new(RelayName::of_this_process(config.service_name()));
            let running = Running {
                store: &store, config: &config, settings, wake: &wake, health: &health, outbox: &outbox, relay, name: &name,
            };
            // Boxed once a relay: unboxed it is 18 KB of every future that runs one.
            let work = Box::pin(run(running, &stop));
            tokio::select! {
                ended = work => ended,
                never = listen(running), if settings.listens => match never {},
                never = maintenance::watch(&store, &outbox, settings.stats_interval), if config.counts() => match never {},
            }
        })
    }
}

/// Passes on the announcements of other processes, for ever.
async fn listen<S: Queue>(Running { store, wake, health, .. }: Running<'_, S>) -> Infallible {
    let mut circuit = Circuit::new(Dependency::Listener, health);
    loop {
        let heard = {
            let listening = store.listen(wake);
            tokio::pin!(listening);
            loop {
                tokio::select! {
                    heard = &mut listening => break heard,
                    () = wake.listening_began() => circuit.works(),
                }
            }
        };
        wake.rows();
        if let Err(error) = heard {
            tokio::time::sleep(circuit.failed(&error)).await;
        }
    }
}

async fn run<S: Queue>(running: Running<'_, S>, stop: &CancellationToken) -> Result<(), EventError> {
    let Running { store, config, settings, wake, health, outbox, relay, name } = running;
    let mut dependencies = Dependencies {
        database: Circuit::new(Dependency::Database, health),
        broker: Circuit::of_broker(Reach::of(config)?, health),
        tally: Tally::default(),
    };
    // One is made before anything is asked for: a relay that can make none takes no lanes from those that can.
    let mut producer = Some(RelayProducer::new(config)?);
    if config.counts() {
        observe::show_oldest(outbox, 0.0);
    }
    let (mut is_valid, mut delivers) = (false, true);
    let _shown = config.counts().then(|| observe::ShownRelay::new(outbox, name));
    let RelayName { service, host, process_id, version } = &**name;
    tracing::info!(%relay, %outbox, service, host = host.as_deref(), process_id, version, "relay started");
    while !stop.is_cancelled() {
        let asked = Instant::now();
        if !is_valid {
            match in_time(store.validate()).await {
                Err(error) if is_for_good(&error) => return Err(error),
                // Any other fault will be met again.
                checked => is_valid = checked.is_ok(),
            }
        }
        if !delivers {
            match delivery::is_back(running, &mut dependencies.broker).await {
                Ok(found) => (delivers, producer) = (true, Some(found)),
                Err(_) => producer = None,
            }
        }
        let stood_by = tenure::stand_by(running, delivers, dependencies.tally).await;
        if let Ok(holding) = &stood_by {
            dependencies.tally = Tally { recorded: holding.published, settled: 0 };
        }
        let pause = match stood_by {
            Ok(holding) if holding.lanes.is_empty() => {
                dependencies.database.works_for("heartbeats");
                health.stands(0);
                producer = None;
                // A lane whose row is locked just now is asked for again a little later.
                let expiry = holding.next_expiry.unwrap_or(settings.beat());
                expiry.clamp(SHORTEST_WAIT, settings.beat().max(SHORTEST_WAIT))
            }
            Ok(holding) => {
                dependencies.database.works_for("heartbeats");
                health.stands(holding.lanes.len());
                match producer.take().map_or_else(|| RelayProducer::new(config), Ok) {
                    Ok(producer) => {
                        let end = term::work(running, &mut dependencies, producer, holding, asked, stop).await;
                        delivers = end != End::CutOff;
                    }
                    Err(error) => producer = wait_for_producer(running, &mut dependencies.broker, error, stop).await,
                }
                if config.counts() {
                    observe::show_oldest(outbox, 0.0);
                }
                health.is_unanswered(false);
                health.is_reading_for_long(false);
                continue;
            }
            Err(error) => dependencies.database.failed_for("heartbeats", &error),
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.lanes_came() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if 0 < dependencies.tally.settled
        && let Err(error) = tenure::stand_by(running, false, dependencies.tally).await
    {
        tracing::warn!(%relay, events = dependencies.tally.settled, %error, "settled events are not counted");
    }
    tenure::leave(running).await;
    tracing::info!(%relay, %outbox, "relay stopped");
    Ok(())
}

/// The fault stays until somebody mends it.
fn is_for_good(error: &EventError) -> bool {
    use EventError::{CachedSequence, OutboxForbidden, OutboxTableMissing, OutboxUnfit};
    matches!(error, OutboxTableMissing { .. } | OutboxForbidden { .. } | CachedSequence { .. } | OutboxUnfit { .. })
}

/// Until one can be made, as it could before: no thread is left, or a certificate is just being replaced. Others have the lanes
/// meanwhile.
async fn wait_for_producer<S: Queue>(
    running: Running<'_, S>,
    broker: &mut Circuit,
    error: EventError,
    stop: &CancellationToken,
) -> Option<RelayProducer> {
    let Running { config, health, .. } = running;
    let mut pause = broker.failed(&error);
    tenure::leave(running).await;
    health.asks_nothing();
    loop {
        stop.run_until_cancelled(tokio::time::sleep(pause)).await?;
        match RelayProducer::new(config) {
            Ok(producer) => {
                broker.works();
                return Some(producer);
            }
            Err(error) => pause = broker.failed(&error),
        }
    }
}

/// The time that the database has for one request: a connection that the network has forgotten never answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer, or a failure of the database once its time is up. The database may have done its part.
async fn in_time<T>(answer: impl Future<Output = Result<T, EventError>>) -> Result<T, EventError> {
    within(PATIENCE, answer).await
}

/// The same where it may take `limit`.
async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, EventError>>) -> Result<T, EventError> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let source = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        Err(EventError::Outbox { operation: "answer in time", source: Box::new(source) })
    })
}

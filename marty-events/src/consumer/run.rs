//! The life of a consumer.

use std::{fmt, sync::Arc, time::Duration};

use sqlx::Pool;
use tokio::{
    sync::{Mutex, Notify, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    counts,
    health::{ConsumerHealth, HealthCell},
    live, parked, retention,
    routes::Routes,
    running::{Handlers, Patience, Running},
    settings::Settings,
    work::{Desk, Limits},
};
use crate::{
    EventError,
    config::EventConfig,
    inbox::{Inbox, InboxDatabase, InboxTable},
    kafka::{GroupMember, MemberSettings},
    observe::ConsumerMetrics,
};

/// The workers for each handler that may run at a time: others go on while a claim waits for a paused process.
const WORKERS: usize = 4;
/// The number of parked keys that are tried at a time.
const RETRIES: usize = 4;
/// The pause between two looks if the handlers are done.
const DRAIN_PAUSE: Duration = Duration::from_millis(10);
/// The time that the member has to leave its group, beyond the bound of its hand-over.
const LEAVE_TIME: Duration = Duration::from_secs(5);

/// Handles events of Kafka topics, each with its effect once; in the service's process.
///
/// ```no_run
/// # async fn example<H: marty_events::EventHandlers<sqlx::Postgres>>(pool: sqlx::PgPool, status_list: H) -> Result<(), marty_events::EventError> {
/// use marty_events::{CancellationToken, EventConsumer};
///
/// let stop = CancellationToken::new();
/// let consumer = EventConsumer::builder(&pool).group("status-list").handlers(status_list).build()?;
/// let consumer = tokio::spawn(consumer.run(stop.clone()));
/// // ... serve ...
/// stop.cancel();
/// # let _ = consumer;
/// # Ok(()) }
/// ```
pub struct EventConsumer<DB: InboxDatabase> {
    pub(super) pool: Pool<DB>,
    pub(super) table: InboxTable,
    pub(super) config: EventConfig,
    pub(super) group: Arc<str>,
    pub(super) handlers: Handlers<DB>,
    pub(super) routes: Arc<Routes>,
    pub(super) settings: Settings,
    pub(super) member: MemberSettings,
    pub(super) health: HealthCell,
}

impl<DB: InboxDatabase> fmt::Debug for EventConsumer<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventConsumer")
            .field("group", &self.group)
            .field("topics", &self.routes.topics())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<DB: InboxDatabase> EventConsumer<DB> {
    /// The state of this consumer, from now until it has stopped; for a health check of its process.
    #[must_use]
    pub fn health(&self) -> ConsumerHealth {
        self.health.health()
    }

    /// Handles events until `stop` is cancelled, then waits for the handlers at work, commits, and leaves the group.
    ///
    /// A database or broker that is away is waited for, and so is a topic that does not exist yet. Dropping the future stops at once:
    /// transactions of handlers at work are rolled back, and their events handled by the next consumer.
    ///
    /// # Errors
    ///
    /// At the start, the inbox's tables that are missing or closed to this user, and a Kafka client that cannot be made
    /// ([`EventError::Kafka`], [`EventError::Background`]). Later, a client that cannot go on ([`EventError::Kafka`]): start again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EventError> {
        let Self { pool, table, config, group, handlers, routes, settings, member, health } = self;
        let _ending = Ending(health.clone());
        // In SQLite nothing waits for another owner without the write lock.
        let workers_count = if DB::NAME == "SQLite" { 1 } else { settings.concurrency * WORKERS };
        let pool = own_pool(&pool, workers_count + RETRIES + 2);
        let inbox = DB::inbox(pool.clone(), table, Arc::clone(&group));
        let inbox = inbox.bounded(routes.longest_timeout().unwrap_or_default().max(settings.handler_timeout));
        if stop.run_until_cancelled(validate(&inbox, &health)).await.transpose()?.is_none() {
            return Ok(());
        }
        let limits =
            Limits { rows: settings.in_flight, bytes: settings.in_flight_bytes, batch: settings.longest_batch };
        let metrics = Arc::new(ConsumerMetrics::new(config.counts(), &group, routes.names()));
        let desk = Arc::new(Desk::new(Arc::clone(&routes), health.clone(), Arc::clone(&metrics), limits));
        let topics = routes.topics();
        let mut member = GroupMember::start(&config, &member, &topics, Arc::clone(&desk))?;
        tracing::info!(group = &*group, ?topics, "consumer started");
        let running = Arc::new(Running {
            inbox,
            handlers,
            routes,
            settings,
            group,
            health,
            metrics,
            traces: config.traces(),
            turns: Semaphore::new(settings.concurrency),
            parked: Notify::new(),
            choice: Mutex::default(),
            in_the_way: std::sync::Mutex::default(),
        });
        // Dropped with this future, and their transactions with them.
        let mut workers = JoinSet::new();
        for _ in 0..workers_count {
            let (running, desk) = (Arc::clone(&running), Arc::clone(&desk));
            workers.spawn(async move { live::work(&running, &desk).await });
        }
        let retry_stop = CancellationToken::new();
        let mut retries = JoinSet::new();
        for _ in 0..RETRIES.min(settings.concurrency) {
            let (running, stop) = (Arc::clone(&running), retry_stop.clone());
            retries.spawn(async move { parked::work(&running, &stop).await });
        }
        let mut upkeep = JoinSet::new();
        if config.counts() {
            upkeep.spawn(counts::work(Arc::clone(&running)));
        }
        upkeep.spawn(retention::work(Arc::clone(&running), config, topics));

        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = &mut member.ended => ended.unwrap_or_else(|_| Err(background("the thread that reads records has panicked"))),
            Some(died) = workers.join_next() => panicked(died),
            // They end by themselves when they are told to, and not before.
            Some(Err(error)) = retries.join_next() => Err(background(error)),
        };
        upkeep.abort_all();
        desk.drain();
        retry_stop.cancel();
        let drained = async {
            while !desk.is_drained() {
                tokio::time::sleep(DRAIN_PAUSE).await;
            }
            while retries.join_next().await.is_some() {}
        };
        if tokio::time::timeout(settings.drain_time, drained).await.is_err() {
            tracing::warn!(
                group = &*running.group,
                "handlers were still at work when the drain time was over; their events are handled again"
            );
        }
        workers.shutdown().await;
        retries.shutdown().await;
        member.leave();
        if ended.is_ok() && tokio::time::timeout(LEAVE_TIME, &mut member.ended).await.is_err() {
            tracing::warn!(
                group = &*running.group,
                "the group did not let the consumer go in time; its partitions are shared out later"
            );
        }
        tracing::info!(group = &*running.group, "consumer stopped");
        ended
    }
}

/// Marks the end in the health, also of a future that is dropped.
struct Ending(HealthCell);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ends();
    }
}

/// A worker never ends by itself.
fn panicked(died: Result<std::convert::Infallible, tokio::task::JoinError>) -> Result<(), EventError> {
    match died {
        Ok(never) => match never {},
        Err(error) => Err(background(error)),
    }
}

fn background(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EventError {
    EventError::Background { source: std::io::Error::other(error) }
}

/// Waits for a database that is away. A fault that stays is an error.
async fn validate(inbox: &impl Inbox, health: &HealthCell) -> Result<(), EventError> {
    let mut patience = Patience::new(health);
    loop {
        match inbox.validate().await {
            Ok(()) => {
                patience.works();
                return Ok(());
            }
            Err(error) if error.is_refusal() => return Err(error),
            Err(error) => patience.wait(&error).await,
        }
    }
}

/// A pool of the consumer's own, with the given one's options: the service's use of its pool keeps no handler waiting. SQLite has one writer
/// at a time anyway, and an in-memory database only the connections that it has.
fn own_pool<DB: InboxDatabase>(pool: &Pool<DB>, connections: usize) -> Pool<DB> {
    if DB::NAME == "SQLite" {
        return pool.clone();
    }
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    let options = pool.options().clone().max_connections(connections).min_connections(0);
    options.acquire_timeout(Duration::from_secs(5)).connect_lazy_with((*pool.connect_options()).clone())
}

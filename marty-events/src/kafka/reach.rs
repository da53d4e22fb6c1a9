//! The brokers' availability, as all clients of this process have found out together.
//!
//! A relay meets an outage by its records, a direct event by its own, and a client by its connections. Each has the brokers asked then, by
//! a client of its own that sends nothing, and that goes on asking until there is an answer. So an outage is found once for all, and ends
//! whether or not there is anything to send.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    producer::{BaseProducer, DefaultProducerContext, Producer},
    types::RDKafkaErrorCode as Code,
};
use tokio::sync::watch;

use super::{Complaint, Outage};
use crate::{EventError, config::EventConfig};

/// The time limit for the brokers' answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A part of that, after which the client's complaints are looked at.
const TURN: Duration = Duration::from_millis(250);
/// The pause between two questions to brokers that are away.
const PAUSE: Duration = Duration::from_millis(100);

/// The brokers of one configuration, as this process knows them; all handles of the same ones are one.
#[derive(Debug, Clone)]
pub(crate) struct Reach(Arc<Shared>);

/// An outage.
#[derive(Debug, Clone)]
pub(crate) struct Away {
    pub(crate) since: Instant,
    pub(crate) at: Timestamp,
    /// The reason, as the client reported it.
    pub(crate) reason: String,
}

#[derive(Debug)]
struct Shared {
    config: ClientConfig,
    state: watch::Sender<Option<Away>>,
    /// When they answered last.
    answered: Mutex<Option<Instant>>,
    is_asking: AtomicBool,
}

/// The identity of a configuration: its addresses, and how the client is let in.
type Name = BTreeMap<String, String>;

static KNOWN: Mutex<Vec<(Name, Weak<Shared>)>> = Mutex::new(Vec::new());

impl Reach {
    pub(crate) fn of(config: &EventConfig) -> Result<Self, EventError> {
        let client = super::client_config(config)?;
        let mut name: Name =
            client.config_map().iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        name.remove("client.id");
        let mut known = lock(&KNOWN);
        known.retain(|(_, shared)| 0 < shared.strong_count());
        if let Some(shared) = known.iter().find(|(other, _)| *other == name).and_then(|(_, shared)| shared.upgrade()) {
            return Ok(Self(shared));
        }
        let shared = Arc::new(Shared {
            config: super::producer_config(config, &[])?,
            state: watch::Sender::new(None),
            answered: Mutex::new(None),
            is_asking: AtomicBool::new(false),
        });
        known.push((name, Arc::downgrade(&shared)));
        Ok(Self(shared))
    }

    /// The outage that goes on.
    pub(crate) fn away(&self) -> Option<Away> {
        self.0.state.borrow().clone()
    }

    /// Tells of the outages from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Away>> {
        self.0.state.subscribe()
    }

    /// They have answered.
    pub(crate) fn answers(&self) {
        self.0.close();
    }

    /// Asks the brokers, which may be away, beside all other work. Their answer decides. A failure of one event does not: it may be the fault
    /// of its topic, or of one client. Where nobody publishes, nobody wants to know.
    pub(crate) fn ask(&self) {
        if self.0.state.receiver_count() == 0 || self.0.is_asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = Arc::downgrade(&self.0);
        let config = self.0.config.clone();
        let asking = thread::Builder::new()
            .name("marty-events reach".to_owned())
            .spawn(move || until_answered(&shared, &config));
        if let Err(error) = asking {
            self.0.is_asking.store(false, Ordering::Release);
            tracing::warn!(%error, "no thread can be had to ask for the brokers");
        }
    }
}

impl Shared {
    fn open(&self, error: &Outage) {
        let reason = error.to_string();
        let is_new = self.state.send_if_modified(|state| {
            let is_new = state.is_none();
            if is_new {
                *state = Some(Away { since: Instant::now(), at: Timestamp::now(), reason: reason.clone() });
            }
            is_new
        });
        if is_new {
            tracing::debug!(reason, "the brokers are away");
        }
    }

    fn close(&self) {
        *lock(&self.answered) = Some(Instant::now());
        self.state.send_if_modified(|state| state.take().is_some());
    }
}

/// Asks until there is an answer, or until nobody wants to know any more.
fn until_answered(shared: &Weak<Shared>, config: &ClientConfig) {
    let client = Asking::new(config);
    loop {
        let begun = Instant::now();
        let answer = client.as_ref().map_err(|error| Outage::of(error, &Complaint::default())).and_then(Asking::ask);
        let Some(shared) = shared.upgrade() else { return };
        match answer {
            Ok(()) => shared.close(),
            // Somebody else has heard from them meanwhile.
            Err(_) if lock(&shared.answered).is_some_and(|at| begun <= at) => {}
            Err(error) => shared.open(&error),
        }
        if shared.state.borrow().is_none() {
            shared.is_asking.store(false, Ordering::Release);
            // It was closed before this thread had said that it ends.
            if shared.state.borrow().is_none() || shared.is_asking.swap(true, Ordering::AcqRel) {
                return;
            }
        }
        drop(shared);
        thread::sleep(PAUSE);
    }
}

/// A client that sends nothing.
struct Asking(BaseProducer<Context>);

struct Context {
    complaint: Complaint,
    is_refused: AtomicBool,
}

impl Asking {
    fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let context = Context { complaint: Complaint::default(), is_refused: AtomicBool::new(false) };
        BaseProducer::from_config_and_context(config, context).map(Self)
    }

    fn ask(&self) -> Result<(), Outage> {
        let context = self.0.context();
        context.is_refused.store(false, Ordering::Release);
        let begun = Instant::now();
        loop {
            let Err(error) = self.0.client().fetch_metadata(None, TURN) else {
                context.complaint.withdraw();
                return Ok(());
            };
            // Serves the callbacks that tell why.
            self.0.poll(Duration::ZERO);
            if context.is_refused.load(Ordering::Acquire) || PATIENCE <= begun.elapsed() {
                return Err(Outage::of(&error, &context.complaint));
            }
        }
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaint.overhear(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaint.take_down(&error, reason);
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            self.is_refused.store(true, Ordering::Release);
        }
    }
}

impl rdkafka::producer::ProducerContext for Context {
    type DeliveryOpaque = <DefaultProducerContext as rdkafka::producer::ProducerContext>::DeliveryOpaque;

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(brokers: &str, service: &str) -> Reach {
        let config = EventConfig::builder().service_name(service).brokers(brokers).build().expect("a configuration");
        Reach::of(&config).expect("its brokers")
    }

    #[tokio::test]
    async fn all_routes_to_the_same_brokers_share_an_outage_that_is_found_by_asking() {
        let (one, other, elsewhere) = (reach("127.0.0.1:2", "a"), reach("127.0.0.1:2", "b"), reach("127.0.0.1:3", "a"));
        let mut seen = other.watch();
        one.ask();
        tokio::time::timeout(Duration::from_mins(1), seen.changed()).await.expect("in time").expect("it lives");
        let away = other.away().expect("nobody listens there");
        assert!(away.reason.contains("127.0.0.1:2"), "{away:?}");
        assert!(elsewhere.away().is_none());
        one.answers();
        assert!(other.away().is_none());
    }
}

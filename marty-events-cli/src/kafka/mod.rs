//! A Kafka client with the environment's configuration. It keeps the complaints about its connections.

pub(crate) mod diagnosis;
pub(crate) mod group;

use std::{
    collections::VecDeque,
    env,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use marty_events::{ConfigError, EventConfig};
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    metadata::Metadata,
    types::RDKafkaErrorCode as Code,
};

use crate::{
    exit::Exit,
    failure::{Failure, Result},
    shared::Shared,
};

/// The client's name for the broker without `SERVICE_NAME`. No event is published in this name.
const NAME: &str = "marty-events";

/// The environment's configuration. Arguments override it, and `SERVICE_NAME` may be absent.
pub(crate) fn config(shared: &Shared) -> Result<EventConfig, ConfigError> {
    let mut config = EventConfig::builder_from_env();
    if !has_service_name() {
        config = config.service_name(NAME);
    }
    if let Some(url) = shared.database_url() {
        config = config.database_url(url);
    }
    if let Some(table) = shared.table_name() {
        config = config.outbox_table(table);
    }
    config.build()
}

/// True if the environment names brokers.
pub(crate) fn has_brokers() -> bool {
    env::var_os("KAFKA_BROKERS").is_some_and(|brokers| !brokers.to_string_lossy().trim().is_empty())
}

/// True if the environment names a service. White space does not count, as in [`EventConfig`].
pub(crate) fn has_service_name() -> bool {
    env::var_os("SERVICE_NAME").is_some_and(|name| !name.to_string_lossy().trim().is_empty())
}

/// The last complaints of a client, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<VecDeque<(Option<Code>, String)>>);

const REMEMBERED: usize = 50;

impl Complaints {
    pub(crate) fn all(&self) -> Vec<(Option<Code>, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn add(&self, code: Option<Code>, text: &str) {
        let mut complaints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() == REMEMBERED {
            complaints.pop_front();
        }
        complaints.push_back((code, text.to_owned()));
    }
}

impl ClientContext for Complaints {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "kafka client");
        // The client logs a failed connection as `FAIL`, at times at the level of information.
        if facility == "FAIL"
            || !matches!(level, RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug)
        {
            // `[thrd:NAME]: NAME: MESSAGE`
            let message = message
                .strip_prefix("[thrd:")
                .and_then(|rest| rest.split_once("]: "))
                .map_or(message, |(_, rest)| rest);
            self.add(None, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
        self.add(error.rdkafka_error_code(), reason);
    }
}

impl ConsumerContext for Complaints {}

pub(crate) type Client = BaseConsumer<Complaints>;

/// The properties of a client that only reads: it creates no topic, joins no group and commits no offset.
pub(crate) fn looking(config: &EventConfig) -> Result<ClientConfig> {
    let mut client = ClientConfig::new();
    client.extend(config.client_properties()?);
    client
        // The client needs a group's name for assigned partitions. It asks the brokers for the coordinator, and they may refuse.
        .set("group.id", NAME)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set_log_level(RDKafkaLogLevel::Info);
    Ok(client)
}

/// The brokers and their topics. Fails early where no broker can be reached.
pub(crate) fn metadata(client: &Client, patience: Duration) -> Result<Metadata, KafkaError> {
    let begin = Instant::now();
    loop {
        let answer = client.fetch_metadata(None, Duration::from_millis(500));
        let Err(error) = answer else { return answer };
        // A poll runs the callbacks, which collect the complaints.
        drop(client.poll(Duration::ZERO));
        let complaints = client.context().all();
        // A broker that gave the address of another one is there, and can be asked again.
        let is_somebody_there = diagnosis::advertised(&complaints).is_some();
        let is_hopeless = !is_somebody_there
            && complaints.iter().any(|(code, _)| {
                matches!(
                    code,
                    Some(Code::AllBrokersDown | Code::Authentication | Code::SSL | Code::SaslAuthenticationFailed)
                )
            });
        if is_hopeless || patience <= begin.elapsed() {
            return Err(error);
        }
    }
}

/// The failure of a client that reached no broker.
pub(crate) fn unreachable(client: &Client, error: &KafkaError) -> Failure {
    let (found, advice) = diagnosis::of(error, &client.context().all());
    Failure::new(Exit::Failed, found).advise(advice)
}

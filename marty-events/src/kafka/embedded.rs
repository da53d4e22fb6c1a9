//! The in-process broker: librdkafka's mock cluster, for a first try and for tests.
//!
//! It speaks Kafka's protocol on a local port, so that any Kafka client can read from it, but keeps everything in memory
//! (librdkafka, `rdkafka_mock.h`) and proves nothing about a real broker.

use once_cell::sync::OnceCell;
use rdkafka::{
    ClientConfig,
    error::KafkaError,
    mocking::MockCluster,
    producer::{BaseProducer, DefaultProducerContext, Producer},
};

use crate::EventError;

/// Owns the cluster for the life of the process.
static CLUSTER: OnceCell<(BaseProducer, String)> = OnceCell::new();

/// The address of the process's in-process broker, which the first call starts.
pub(crate) fn bootstrap() -> Result<String, EventError> {
    let (_, bootstrap) = CLUSTER.get_or_try_init(start)?;
    Ok(bootstrap.clone())
}

fn start() -> Result<(BaseProducer, String), EventError> {
    let owner: BaseProducer = ClientConfig::new()
        .set("test.mock.num.brokers", "1")
        .create()
        .map_err(|error: KafkaError| EventError::Kafka(Box::new(error)))?;
    let bootstrap = owner
        .client()
        .mock_cluster()
        .map(|cluster: MockCluster<'_, DefaultProducerContext>| cluster.bootstrap_servers())
        .ok_or_else(|| EventError::Kafka(Box::new(KafkaError::MockCluster(rdkafka::types::RDKafkaErrorCode::Fail))))?;
    tracing::info!(%bootstrap, "the in-process broker runs; it keeps nothing when the process ends");
    Ok((owner, bootstrap))
}

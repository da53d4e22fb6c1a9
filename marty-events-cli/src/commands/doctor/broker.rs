//! Checks that ask the brokers.

use std::time::Duration;

use marty_events::EventConfig;
use rdkafka::{
    admin::AdminClient,
    client::DefaultClientContext,
    metadata::{Metadata, MetadataBroker},
};
use tokio::net::TcpStream;

use super::{
    prefix,
    report::{Check, Report},
    topics,
};
use crate::{
    exit::Exit,
    failure::{Failure, Result},
    kafka::{self, Client, Complaints, diagnosis},
};

/// The limit of a connection to a broker's own address.
const CONNECT: Duration = Duration::from_secs(3);

const ADVERTISE: &str = "let the brokers' advertised.listeners name addresses that this machine can reach";

/// Checks the broker, then its addresses and topics. `waiting` holds the topics of the events in the outbox.
pub(super) async fn check(
    config: EventConfig,
    waiting: Vec<String>,
    patience: Duration,
    report: &mut Report,
) -> Result<()> {
    let settings = kafka::looking(&config)?;
    let client: Client = match settings.create_with_context(Complaints::default()) {
        Ok(client) => client,
        Err(error) => {
            let advice = "check the variables KAFKA_..: the client does not accept them";
            report.add(Check::failed("broker", error.to_string(), advice));
            return Ok(());
        }
    };
    let asked = tokio::task::spawn_blocking(move || {
        let answer = kafka::metadata(&client, patience);
        let complaints = rdkafka::consumer::Consumer::context(&client).all();
        (answer, complaints, client)
    });
    let (answer, complaints, client) =
        asked.await.map_err(|error| Failure::new(Exit::Failed, "the Kafka client stopped").because(&error))?;
    let metadata = match answer {
        Ok(metadata) => metadata,
        Err(error) => {
            if let Some(complaint) = diagnosis::advertised(&complaints) {
                report.add(Check::ok("broker", "a broker answers, and sends clients to its advertised address"));
                report.add(Check::failed("advertised-addresses", complaint, ADVERTISE));
            } else {
                let (found, advice) = diagnosis::of(&error, &complaints);
                report.add(Check::failed("broker", found, advice));
            }
            return Ok(());
        }
    };
    let brokers: Vec<String> =
        metadata.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect();
    report
        .add(Check::ok("broker", format!("{} answers; brokers: {}", metadata.orig_broker_name(), brokers.join(", "))));
    advertised_addresses(&brokers, report).await;
    let existing = names(&metadata);
    report.add(prefix::check(config.topic_prefix(), &existing, &waiting));
    let admin: AdminClient<DefaultClientContext> = match settings.create() {
        Ok(admin) => admin,
        Err(_) => return Ok(()),
    };
    // The first connection answers before the client knows the broker's number. A request to broker -1 would fail.
    let answered = metadata.orig_broker_id();
    let broker = if answered < 0 { metadata.brokers().first().map_or(answered, MetadataBroker::id) } else { answered };
    topics::check(&admin, client, &config, broker, &existing, waiting, patience, report).await;
    Ok(())
}

fn names(metadata: &Metadata) -> Vec<String> {
    metadata.topics().iter().map(|topic| topic.name().to_owned()).collect()
}

/// Clients begin at `KAFKA_BROKERS`. The brokers then send them to their advertised addresses.
async fn advertised_addresses(brokers: &[String], report: &mut Report) {
    let name = "advertised-addresses";
    let mut silent = Vec::new();
    for address in brokers {
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
        match connected {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => silent.push(format!("{address}: {error}")),
            Err(_) => silent.push(format!("{address}: no answer within {} s", CONNECT.as_secs())),
        }
    }
    report.add(if silent.is_empty() {
        Check::ok(name, "every address can be reached")
    } else {
        Check::failed(name, silent.join("\n"), ADVERTISE)
    });
}

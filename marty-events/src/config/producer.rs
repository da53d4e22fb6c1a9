//! Properties that are passed through to librdkafka's producer.

#[cfg(feature = "kafka")]
use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

use super::{properties, reader::Reader, values::Secret};

pub(super) const PREFIX: &str = "KAFKA_PRODUCER_";

/// A problem, and the accepted values.
type Refused = (String, String);

/// The beginnings of the names of properties about connections, which concern every client of the brokers (librdkafka,
/// CONFIGURATION.md).
const OF_CONNECTIONS: [&str; 10] = [
    "ssl.",
    "sasl.",
    "https.",
    "enable.ssl.",
    "enable.sasl.",
    "broker.address.",
    "client.dns.lookup",
    "socket.",
    "reconnect.",
    "connections.",
];

pub(super) fn is_of_connections(property: &str) -> bool {
    OF_CONNECTIONS.iter().any(|beginning| property.starts_with(beginning))
}

/// A property of the environment or the builder.
struct Given {
    property: String,
    variable: String,
    value: String,
    /// The value as the client reads it: `t` is `true`.
    meaning: String,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Vec<(String, Secret)> {
    let (links, variables): (Vec<String>, Vec<String>) =
        reader.values.beginning(PREFIX).map(str::to_owned).partition(|name| is_service_link(name));
    if !links.is_empty() {
        tracing::info!(?links, "variables of Kubernetes that describe a service are not Kafka's properties");
    }
    let mut properties: Vec<Given> = Vec::new();
    for name in variables {
        let variable = format!("{PREFIX}{name}");
        let Some(value) = reader.optional(&variable) else { continue };
        let property = properties::one_name(name.to_lowercase().replace('_', "."));
        let meaning = match meaning(&property, value) {
            Ok(meaning) => meaning,
            // A misspelt name hides the kind of its value.
            Err((problem, accepted)) if is_unknown(&property) => {
                reader.fault_of_secret(&variable, &problem, &accepted);
                continue;
            }
            Err((problem, accepted)) => {
                reader.fault(&variable, &problem, &accepted);
                continue;
            }
        };
        match properties.iter().find(|other| other.property == property) {
            None => properties.push(Given { property, variable, value: value.to_owned(), meaning }),
            Some(other) if other.meaning == meaning => {}
            Some(other) => {
                let problem = format!("{} is the same property and has another value", other.variable);
                if cfg!(feature = "kafka") {
                    reader.fault(&variable, &problem, "leave one of them out");
                } else {
                    // A misspelt name was not found.
                    reader.fault_of_secret(&variable, &problem, "leave one of them out");
                }
            }
        }
    }
    properties.into_iter().map(|given| (given.property, Secret::new(given.value))).collect()
}

/// True for a variable that Kubernetes sets for a service whose name begins with `kafka-producer`: `SERVICE_HOST`,
/// `SERVICE_PORT_HTTP`, `PORT`, `PORT_8080_TCP_ADDR`. No property has such a name.
fn is_service_link(name: &str) -> bool {
    let name = format!("_{name}_");
    let is_numbered =
        name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|first: char| first.is_ascii_digit()));
    name.contains("_SERVICE_HOST_") || name.contains("_SERVICE_PORT_") || name.ends_with("_PORT_") || is_numbered
}

/// Without the client, its names and its reading of values are not known: the written text counts.
#[cfg(not(feature = "kafka"))]
fn meaning(property: &str, value: &str) -> Result<String, Refused> {
    properties::refusal(property, value).map_or_else(|| Ok(value.to_owned()), Err)
}

/// Only known names are refused without the client, so that their values may be shown.
#[cfg(not(feature = "kafka"))]
fn is_unknown(_: &str) -> bool {
    false
}

/// True if librdkafka has no such property.
#[cfg(feature = "kafka")]
fn is_unknown(property: &str) -> bool {
    let set = ClientConfig::new().set(property, "").create_native_config();
    matches!(set, Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)))
}

/// The value as the client reads it, or the reason why it cannot be passed through, with the accepted values.
#[cfg(feature = "kafka")]
fn meaning(property: &str, value: &str) -> Result<String, Refused> {
    let meaning = as_read(property, value);
    // A property with a variable of its own is refused with that variable's name, independent of its value.
    if let Some(refused) = properties::refusal(property, meaning.as_deref().unwrap_or(value)) {
        return Err(refused);
    }
    let meaning = meaning.map_err(|refused| {
        // librdkafka knows its properties and their ranges best.
        let words = match refused {
            KafkaError::ClientConfig(_, reason, ..) => reason,
            other => other.to_string(),
        };
        (words, "see librdkafka's CONFIGURATION.md, with `_` for `.`".to_owned())
    })?;
    // The client takes `010` for 8, `0x10` for 16 and `10 s` for 10.
    let is_number = meaning.parse::<i64>().is_ok()
        && value.starts_with(['+', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    if is_number && meaning != value {
        return Err((format!("the client would read {meaning}"), "write a whole number in decimal digits".to_owned()));
    }
    Ok(meaning)
}

#[cfg(feature = "kafka")]
fn as_read(property: &str, value: &str) -> Result<String, KafkaError> {
    ClientConfig::new().set(property, value).create_native_config()?.get(property)
}

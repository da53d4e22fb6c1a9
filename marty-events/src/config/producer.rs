//! Properties that are passed through to librdkafka's producer.

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

use super::{read::Reader, values::Secret};

pub(super) const PREFIX: &str = "KAFKA_PRODUCER_";

/// What the names of the properties begin with that are about connections, and so concern every client of the brokers
/// (librdkafka, CONFIGURATION.md).
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

pub(super) fn read(reader: &mut Reader<'_>) -> Vec<(String, Secret)> {
    let given: Vec<(String, &str)> =
        reader.values.beginning(PREFIX).map(|(name, value)| (name.to_owned(), value)).collect();
    let mut properties = Vec::new();
    for (variable, value) in given {
        let property = variable.to_lowercase().replace('_', ".");
        let variable = format!("{PREFIX}{variable}");
        match refusal(&property, value) {
            // A misspelt name hides what the value is.
            Some((problem, accepted)) if is_unknown(&property) => {
                reader.fault_of_secret(&variable, &problem, &accepted);
            }
            Some((problem, accepted)) => reader.fault(&variable, &problem, &accepted),
            None => properties.push((property, Secret::new(value))),
        }
    }
    properties
}

/// Whether librdkafka has no such property.
fn is_unknown(property: &str) -> bool {
    let set = ClientConfig::new().set(property, "").create_native_config();
    matches!(set, Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)))
}

/// Why a property cannot be passed through, and what is accepted.
fn refusal(property: &str, value: &str) -> Option<(String, String)> {
    let number = value.parse::<i64>().ok();
    let weakens = match property {
        "acks" | "request.required.acks" => (!matches!(value, "all" | "-1")).then_some("leave it at all"),
        "enable.idempotence" => (!value.eq_ignore_ascii_case("true")).then_some("leave it at true"),
        "max.in.flight" | "max.in.flight.requests.per.connection" => {
            number.is_some_and(|number| 5 < number).then_some("5 is the most that keeps the order")
        }
        "retries" | "message.send.max.retries" => {
            number.is_some_and(|number| number < 1).then_some("leave it at its default")
        }
        _ => None,
    };
    if let Some(accepted) = weakens {
        return Some((
            "it would let acknowledged events be lost, doubled or reordered".to_owned(),
            accepted.to_owned(),
        ));
    }
    let own = match property {
        "bootstrap.servers" | "metadata.broker.list" => Some("KAFKA_BROKERS"),
        "security.protocol" => Some("KAFKA_SECURITY_PROTOCOL"),
        "sasl.mechanism" | "sasl.mechanisms" => Some("KAFKA_SASL_MECHANISM"),
        "sasl.username" => Some("KAFKA_SASL_USERNAME"),
        "sasl.password" => Some("KAFKA_SASL_PASSWORD"),
        "ssl.ca.location" => Some("KAFKA_SSL_CA_LOCATION"),
        "client.id" => Some("SERVICE_NAME"),
        _ => None,
    };
    if let Some(own) = own {
        return Some((format!("`{property}` has a variable of its own"), format!("set {own}")));
    }
    // librdkafka knows its properties and their ranges best.
    let refused = ClientConfig::new().set(property, value).create_native_config().err()?;
    let words = match refused {
        KafkaError::ClientConfig(_, reason, ..) => reason,
        other => other.to_string(),
    };
    Some((words, "see librdkafka's CONFIGURATION.md, with `_` for `.`".to_owned()))
}

//! Authentication of the client to the brokers, and of the brokers to the client.

use std::path::Path;

use super::{reader::Reader, values::Secret};

/// librdkafka's properties. There are none without a protocol.
pub(super) type Security = Vec<(&'static str, Secret)>;

const PROTOCOLS: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const MECHANISMS: [&str; 5] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"];
/// Without the Kafka client nothing in this process needs it.
const LACKS_TLS: bool = cfg!(all(feature = "kafka", not(any(feature = "kafka-ssl", feature = "kafka-ssl-vendored"))));
const LACKS_GSSAPI: bool = cfg!(all(feature = "kafka", not(feature = "kafka-gssapi")));
const TLS_FEATURE: &str = "enable the Cargo feature `kafka-ssl` (the system's OpenSSL) or `kafka-ssl-vendored`";

pub(super) fn read(reader: &mut Reader<'_>) -> Security {
    let protocol = protocol(reader);
    let is_sasl = protocol.is_some_and(|protocol| protocol.starts_with("sasl"));
    let is_tls = protocol.is_some_and(|protocol| protocol.ends_with("ssl"));
    if is_tls && LACKS_TLS {
        reader.fault("KAFKA_SECURITY_PROTOCOL", "this build has no TLS", TLS_FEATURE);
    }
    let mechanism = mechanism(reader, is_sasl);
    let (username, password) = credentials(reader, mechanism);
    let ca_location = ca_location(reader, is_tls);
    if protocol.is_none() {
        return Security::new();
    }
    let all = [
        ("security.protocol", protocol),
        ("sasl.mechanism", mechanism),
        ("sasl.username", username),
        ("sasl.password", password),
        ("ssl.ca.location", ca_location),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, Secret::new(value?)))).collect()
}

fn protocol(reader: &mut Reader<'_>) -> Option<&'static str> {
    let text = reader.optional("KAFKA_SECURITY_PROTOCOL")?;
    let known = PROTOCOLS.into_iter().find(|protocol| protocol.eq_ignore_ascii_case(text));
    if known.is_none() {
        reader.fault(
            "KAFKA_SECURITY_PROTOCOL",
            "it is not a protocol",
            &format!("write one of {}", PROTOCOLS.join(", ")),
        );
    }
    known
}

fn mechanism(reader: &mut Reader<'_>, is_sasl: bool) -> Option<&'static str> {
    let name = "KAFKA_SASL_MECHANISM";
    let accepted = format!("write one of {}", MECHANISMS.join(", "));
    let Some(text) = reader.optional(name) else {
        if is_sasl {
            // librdkafka would fall back to GSSAPI and fail much later.
            reader.fault(name, "a SASL protocol needs a mechanism", &accepted);
        }
        return None;
    };
    let known = MECHANISMS.into_iter().find(|mechanism| mechanism.eq_ignore_ascii_case(text));
    match known {
        None => reader.fault(name, "it is not a mechanism", &accepted),
        Some(_) if !is_sasl => {
            reader.fault(
                name,
                "the security protocol is not one of SASL",
                "set KAFKA_SECURITY_PROTOCOL to sasl_plaintext or sasl_ssl",
            );
        }
        Some("GSSAPI") if LACKS_GSSAPI => {
            reader.fault(name, "this build has no GSSAPI", "enable the Cargo feature `kafka-gssapi`");
        }
        Some("SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER") if LACKS_TLS => {
            reader.fault(name, "this build has PLAIN only", TLS_FEATURE);
        }
        Some(_) => {}
    }
    known
}

fn credentials<'a>(reader: &mut Reader<'a>, mechanism: Option<&str>) -> (Option<&'a str>, Option<&'a str>) {
    let needed = mechanism.is_some_and(|mechanism| mechanism == "PLAIN" || mechanism.starts_with("SCRAM"));
    for name in ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"] {
        match (reader.optional(name), mechanism) {
            (None, Some(mechanism)) if needed => {
                reader.fault(name, &format!("{mechanism} needs it"), "set it");
            }
            (Some(_), None) if reader.optional("KAFKA_SASL_MECHANISM").is_none() => {
                reader.fault(name, "no SASL mechanism uses it", "set KAFKA_SECURITY_PROTOCOL and KAFKA_SASL_MECHANISM");
            }
            _ => {}
        }
    }
    (reader.optional("KAFKA_SASL_USERNAME"), reader.optional("KAFKA_SASL_PASSWORD"))
}

fn ca_location<'a>(reader: &mut Reader<'a>, is_tls: bool) -> Option<&'a str> {
    let name = "KAFKA_SSL_CA_LOCATION";
    let path = reader.optional(name)?;
    if !is_tls {
        reader.fault(name, "the security protocol has no TLS", "set KAFKA_SECURITY_PROTOCOL to ssl or sasl_ssl");
    }
    if !Path::new(path).exists() {
        reader.fault(
            name,
            "there is nothing at this path",
            "name a file or a directory of CA certificates in PEM form",
        );
    }
    Some(path)
}

//! The meaning of a Kafka client's complaints. The texts are those of librdkafka 2.x: `rdkafka_broker.c`, `rdkafka_ssl.c`,
//! `rdkafka_sasl.c`.

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

/// The broker answered the first request and hangs up on the next one.
const HANGS_UP_LATER: &str = "in state UP";

/// Parts of a complaint, their meaning, and advice. The first entry that fits counts.
const MEANINGS: [(&[&str], &str, &str); 9] = [
    (
        // A plaintext client takes the server's TLS alert (0x15, 0x03 and so on) for a length.
        &["Invalid response size 352518"],
        "the listener speaks TLS, and this client does not",
        "set KAFKA_SECURITY_PROTOCOL to ssl or sasl_ssl, or name the port of a plaintext listener in KAFKA_BROKERS",
    ),
    (
        &["connecting to a PLAINTEXT broker listener?", "wrong version number"],
        "the listener does not speak TLS, and this client does",
        "set KAFKA_SECURITY_PROTOCOL to plaintext or sasl_plaintext, or name the port of a TLS listener in KAFKA_BROKERS",
    ),
    (
        // The client's very first request. A client with TLS fails before it.
        &["connecting to a SSL listener?", "in state APIVERSION_QUERY"],
        "the listener hangs up on a client without TLS",
        "set KAFKA_SECURITY_PROTOCOL to ssl or sasl_ssl if it speaks TLS; else check that a Kafka broker listens there",
    ),
    (
        &["certificate"],
        "the broker's certificate is not trusted",
        "name the certificate of the authority that signed it in KAFKA_SSL_CA_LOCATION, and the broker by the name in its certificate",
    ),
    (
        &["broker might require SASL authentication", HANGS_UP_LATER],
        "the broker hangs up on a client that does not authenticate",
        "set KAFKA_SECURITY_PROTOCOL to sasl_plaintext or sasl_ssl, and KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD",
    ),
    (
        &["SASL", "Authentication failed"],
        "the broker does not accept the credentials",
        "check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, and that the listener is one of SASL",
    ),
    (
        &["Failed to resolve"],
        "a broker's name cannot be resolved",
        "check the host names in KAFKA_BROKERS, and this machine's name service",
    ),
    (
        &["Connection refused", "timed out", "unreachable", "No route to host"],
        "no broker can be reached",
        "check the addresses in KAFKA_BROKERS, that the broker runs, and that no firewall is between",
    ),
    (
        &["Disconnected", "Connection reset", "Receive failed"],
        "the broker hangs up",
        "check that a Kafka broker listens there, and that KAFKA_SECURITY_PROTOCOL is the listener's",
    ),
];

/// The finding, with the client's own words, and advice.
pub(crate) fn of(error: &KafkaError, complaints: &[(Option<Code>, String)]) -> (String, String) {
    for (parts, meaning, advice) in MEANINGS {
        let fits = |text: &str| {
            // A client that authenticates is cut off for another reason. The broker's name begins with the protocol.
            let is_other = parts.contains(&HANGS_UP_LATER) && text.starts_with("sasl_");
            !is_other && parts.iter().any(|part| text.contains(part))
        };
        let fitting = complaints.iter().find(|(_, text)| fits(text));
        if let Some((_, text)) = fitting {
            return (format!("{meaning} ({text})"), advice.to_owned());
        }
    }
    let words = complaints.last().map_or_else(|| error.to_string(), |(_, text)| text.clone());
    (format!("no broker answers ({words})"), MEANINGS[7].2.to_owned())
}

/// A complaint about an advertised address. The client names such a broker by its number, and those of `KAFKA_BROKERS`
/// `bootstrap` (`rd_kafka_mk_brokername`).
pub(crate) fn advertised(complaints: &[(Option<Code>, String)]) -> Option<&str> {
    let is_learned = |text: &str| {
        let number = text.split_once(": ").and_then(|(name, _)| name.rsplit_once('/')).map(|(_, number)| number);
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let fails = |text: &str| ["Connect to ", "Failed to resolve", "timed out"].iter().any(|part| text.contains(part));
    complaints.iter().map(|(_, text)| text.as_str()).find(|text| is_learned(text) && fails(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_a_broker_gave_is_told_from_those_that_were_configured() {
        let refused = "Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";
        let of = |name: &str| advertised(&[(None, format!("{name}: {refused}"))]).is_some();
        assert!(of("127.0.0.1:1/1") && of("ssl://kafka-1:9093/12"));
        assert!(!of("127.0.0.1:1/bootstrap") && !of("GroupCoordinator"));
    }

    #[test]
    fn complaints_are_understood() {
        let of_text = |text: &str| {
            of(&KafkaError::MetadataFetch(Code::BrokerTransportFailure), &[(None, "noise".into()), (None, text.into())])
        };
        for (text, found, advice) in [
            (
                "localhost:1/bootstrap: Disconnected: requesting ApiVersion: might be caused by incorrect security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10 (see api.version.request) (after 3ms in state APIVERSION_QUERY)",
                "hangs up on a client without TLS",
                "ssl or sasl_ssl",
            ),
            (
                "localhost:1/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 4ms in state APIVERSION_QUERY)",
                "hangs up on a client without TLS",
                "ssl or sasl_ssl",
            ),
            (
                "localhost:1/bootstrap: Receive failed: Invalid response size 352518912 (0..100000000): increase receive.message.max.bytes (after 2ms in state APIVERSION_QUERY)",
                "the listener speaks TLS",
                "ssl or sasl_ssl",
            ),
            (
                "ssl://localhost:1/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? (after 1ms in state SSL_HANDSHAKE)",
                "the listener does not speak TLS",
                "plaintext or sasl_plaintext",
            ),
            (
                "ssl://localhost:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured",
                "certificate is not trusted",
                "KAFKA_SSL_CA_LOCATION",
            ),
            (
                "localhost:1/1: Disconnected: verify that security.protocol is correctly configured, broker might require SASL authentication (after 5ms in state UP)",
                "does not authenticate",
                "sasl_plaintext",
            ),
            (
                "localhost:1/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 3ms in state UP)",
                "does not authenticate",
                "sasl_plaintext",
            ),
            (
                "sasl_ssl://localhost:1/1: Disconnected: connection closed by peer: receive 0 after POLLIN (after 3ms in state UP)",
                "the broker hangs up",
                "KAFKA_SECURITY_PROTOCOL",
            ),
            (
                "sasl_plaintext://localhost:1/bootstrap: SASL authentication error: Authentication failed: Invalid username or password (after 309ms in state AUTH_REQ)",
                "does not accept the credentials",
                "KAFKA_SASL_PASSWORD",
            ),
            (
                "nowhere:9092/bootstrap: Failed to resolve 'nowhere:9092': Name or service not known",
                "cannot be resolved",
                "name service",
            ),
            (
                "localhost:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused",
                "no broker can be reached",
                "firewall",
            ),
            ("something new", "no broker answers (something new)", "KAFKA_BROKERS"),
        ] {
            let (finding, cure) = of_text(text);
            assert!(finding.contains(found) && cure.contains(advice), "{finding}: {cure}");
        }
    }
}

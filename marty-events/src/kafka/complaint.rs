use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

use crate::error::because;

/// The client's reason why it cannot talk to a broker. Its callbacks write it, and reports of failed deliveries read it: there the client
/// itself only speaks of a time-out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Complaint(Arc<Mutex<Option<Said>>>);

#[derive(Debug)]
struct Said {
    reason: String,
    /// The variables to check.
    advice: Option<&'static str>,
}

impl Complaint {
    /// Takes down an error that the client reports of itself.
    pub(crate) fn take_down(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
        match error.rdkafka_error_code() {
            // Only says that all of them have failed.
            None | Some(Code::AllBrokersDown) => {}
            Some(code) => self.hear(Said { reason: reason.to_owned(), advice: advice(Some(code), reason) }),
        }
    }

    /// Looks at a line of the client's log: a connection that a broker closed is mentioned there alone.
    pub(crate) fn overhear(&self, facility: &str, message: &str) {
        tracing::debug!(facility, message, "kafka client");
        if facility == "FAIL" {
            // Behind the name of the thread, `[thrd:..]: `.
            let reason = message.split_once("]: ").map_or(message, |(_, reason)| reason);
            self.hear(Said { reason: reason.to_owned(), advice: advice(None, reason) });
        }
    }

    /// A broker has answered.
    pub(crate) fn withdraw(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn text(&self) -> Option<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.as_ref().map(|Said { reason, advice }| match advice {
            Some(advice) => format!("{reason}; {advice}"),
            None => reason.clone(),
        })
    }

    /// The last counts, but a reason that is understood is not forgotten for one that is not.
    fn hear(&self, said: Said) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.advice.is_some() || last.as_ref().is_none_or(|last| last.advice.is_none()) {
            *last = Some(said);
        }
    }
}

/// Advice in the names that the configuration has. The reasons' words are librdkafka's (`rdkafka_broker.c`,
/// `rdkafka_ssl.c`, `rdkafka_transport.c`).
fn advice(code: Option<Code>, reason: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    match code {
        _ if says(&["certificate verify failed"]) => Some(
            "check that KAFKA_SSL_CA_LOCATION has the authority of the brokers' certificates, and that KAFKA_BROKERS and \
             the brokers' advertised listeners have the names in them",
        ),
        // Brokers that want TLS close the connection on the first request.
        _ if says(&["security.protocol", "PLAINTEXT broker listener", "in state APIVERSION_QUERY"]) => {
            Some("check KAFKA_SECURITY_PROTOCOL")
        }
        Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
            Some("check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
        }
        Some(Code::SSL) => Some("check KAFKA_SECURITY_PROTOCOL and KAFKA_SSL_CA_LOCATION"),
        Some(Code::Resolve) => Some("check KAFKA_BROKERS"),
        _ if says(&["Disconnected", "Send failed", "Receive failed"]) => {
            Some("where no connection ever lasts, check KAFKA_SECURITY_PROTOCOL")
        }
        _ => None,
    }
}

/// Why nothing is delivered, for a log.
#[derive(Debug)]
pub(crate) struct Outage {
    what: String,
    complaint: Option<String>,
}

impl Outage {
    /// No broker can be reached.
    pub(crate) fn unreachable(complaint: &Complaint) -> Self {
        Self { what: "no broker can be reached".to_owned(), complaint: complaint.text() }
    }

    pub(crate) fn of(error: &KafkaError, complaint: &Complaint) -> Self {
        Self { what: error.to_string(), complaint: complaint.text() }
    }
}

impl std::error::Error for Outage {}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what, because(self.complaint.as_deref()))
    }
}

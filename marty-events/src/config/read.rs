//! From texts to a checked configuration, with every fault reported.

use std::{net::Ipv6Addr, time::Duration};

use super::{
    Brokers, EventConfig, producer,
    reader::Reader,
    security,
    values::{Secret, Values},
};
#[cfg(feature = "_database")]
use crate::outbox::OutboxTable;
use crate::{
    error::ConfigError,
    event::topic::{self, TopicPattern},
};

pub(super) const DEFAULT_VERSION: &str = "0.0.0";
pub(super) const DEFAULT_PREFIX: &str = "marty";
pub(super) const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_BROKERS: &str = "localhost:9092";
/// A hundred years: a longer time could not be added to a point in time.
const LONGEST_SHUTDOWN_TIMEOUT: Duration = Duration::from_hours(24 * 365 * 100);

pub(super) fn read(values: &Values) -> Result<EventConfig, ConfigError> {
    let mut reader = Reader { values, faults: Vec::new() };
    let reader = &mut reader;
    let config = EventConfig {
        service_name: service_name(reader),
        service_version: reader.optional("SERVICE_VERSION").unwrap_or(DEFAULT_VERSION).to_owned(),
        brokers: brokers(reader),
        topic_prefix: topic_prefix(reader),
        domain_topic: domain_topic(reader),
        schema_base_url: schema_base_url(reader),
        #[cfg(feature = "_database")]
        outbox_table: outbox_table(reader),
        outbox_name: outbox_name(reader),
        database_url: database_url(reader),
        use_outbox: use_outbox(reader),
        shutdown_timeout: shutdown_timeout(reader),
        security: security::read(reader),
        producer: producer::read(reader),
        tracing: reader.flag("ENABLE_EVENT_TRACING", true),
        metrics: reader.flag("ENABLE_EVENT_METRICS", true),
    };
    if reader.faults.is_empty() { Ok(config) } else { Err(ConfigError::new(std::mem::take(&mut reader.faults))) }
}

fn service_name(reader: &mut Reader<'_>) -> String {
    let name = "SERVICE_NAME";
    let Some(service) = reader.optional(name) else {
        reader.fault(name, "it is required", "name the service, for example users");
        return String::new();
    };
    if let Some(problem) = topic::fault_of_part(service) {
        reader.fault(
            name,
            &format!("it is part of topic names, and {problem}"),
            "write letters, digits, `.`, `_` or `-`",
        );
    }
    service.to_owned()
}

fn brokers(reader: &mut Reader<'_>) -> Brokers {
    let name = "KAFKA_BROKERS";
    let list = reader.optional(name).unwrap_or(DEFAULT_BROKERS);
    if list == "embedded" {
        #[cfg(feature = "embedded")]
        return Brokers::Embedded;
        #[cfg(not(feature = "embedded"))]
        reader.fault(name, "this build has no in-process broker", "enable the Cargo feature `embedded`");
    } else if let Some(bad) = list.split(',').map(str::trim).find(|broker| !is_address(broker)) {
        let problem =
            if bad.contains('@') { "it is not an address".to_owned() } else { format!("`{bad}` is not an address") };
        reader.fault(name, &problem, "write host:port, several separated by commas, or embedded");
    }
    Brokers::List(list.split(',').map(str::trim).collect::<Vec<_>>().join(","))
}

/// `host:port`, `[IPv6]:port`.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_is_fine = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => {
            !host.is_empty()
                && host.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_'))
        }
    };
    host_is_fine && port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn topic_prefix(reader: &mut Reader<'_>) -> String {
    let name = "EVENT_TOPIC_PREFIX";
    let prefix = reader.given(name).unwrap_or(DEFAULT_PREFIX);
    if let Some(problem) = (!prefix.is_empty()).then(|| topic::fault_of_part(prefix)).flatten() {
        reader.fault(name, &problem, "write letters, digits, `.`, `_` or `-`, or nothing");
    } else if prefix.contains(|letter: char| letter.is_ascii_uppercase()) {
        let problem = "domain topics are in lower case, so they would have another prefix than the other topics";
        reader.fault(name, problem, "write it in lower case");
    }
    prefix.to_owned()
}

fn domain_topic(reader: &mut Reader<'_>) -> TopicPattern {
    let name = "EVENT_DOMAIN_TOPIC";
    let Some(pattern) = reader.optional(name) else { return TopicPattern::default() };
    pattern.parse::<TopicPattern>().unwrap_or_else(|problem| {
        reader.fault(name, &problem, "write for example {service}.{aggregate}");
        TopicPattern::default()
    })
}

fn schema_base_url(reader: &mut Reader<'_>) -> Option<String> {
    let name = "EVENT_SCHEMA_BASE_URL";
    let url = reader.optional(name)?;
    let accepted = "write for example https://schemas.example.com/events";
    let (host, path) = url
        .split_once("://")
        .filter(|(scheme, _)| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
        .map_or(("", ""), |(_, rest)| rest.split_once('/').unwrap_or((rest, "")));
    if host.contains('@') || path.contains('@') {
        // Every event would show it to its consumers.
        reader.fault_of_secret(name, "it has a user or a password", accepted);
    } else if host.is_empty() || host.starts_with(':') {
        reader.fault(name, "it is not an http or https URL with a host", accepted);
    } else if url.contains(['?', '#']) {
        reader.fault(name, "it has a query or a fragment, and paths are appended to it", accepted);
    } else if let Some(letter) = url.chars().find(|letter| !is_url_letter(*letter)) {
        reader.fault(name, &format!("`{}` is not a character of a URL", letter.escape_default()), "percent-encode it");
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// The characters of RFC 3986, apart from those that begin a query or a fragment.
fn is_url_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._~:/[]@!$&'()*+,;=%".contains(letter)
}

#[cfg(feature = "_database")]
fn outbox_table(reader: &mut Reader<'_>) -> OutboxTable {
    let name = "EVENT_OUTBOX_TABLE";
    let Some(table) = reader.optional(name) else { return OutboxTable::default() };
    table.parse::<OutboxTable>().unwrap_or_else(|problem| {
        reader.fault(name, &problem.to_string(), "write table or schema.table");
        OutboxTable::default()
    })
}

fn outbox_name(reader: &mut Reader<'_>) -> Option<String> {
    let name = "EVENT_OUTBOX_NAME";
    let text = reader.optional(name)?;
    if text.contains(char::is_control) {
        reader.fault(name, "it has a control character", "write a name, for example users");
    }
    Some(text.to_owned())
}

fn database_url(reader: &mut Reader<'_>) -> Option<Secret> {
    let name = "DATABASE_URL";
    let url = reader.optional(name)?;
    let (feature, is_built_in) = match url.split(':').next().unwrap_or_default() {
        "postgres" | "postgresql" => ("postgres", cfg!(feature = "postgres")),
        "mysql" | "mariadb" => ("mysql", cfg!(feature = "mysql")),
        "sqlite" => ("sqlite", cfg!(feature = "sqlite")),
        _ => {
            reader.fault(
                name,
                "its scheme names no database with an outbox",
                "write postgres://..., mysql://... or sqlite://...",
            );
            return None;
        }
    };
    if !is_built_in {
        reader.fault(
            name,
            "this build has no outbox for that database",
            &format!("enable the Cargo feature `{feature}`"),
        );
    }
    if bracketed_host(url).is_some_and(|host| host.parse::<Ipv6Addr>().is_err()) {
        reader.fault(
            name,
            "its host in brackets is not an IPv6 address",
            "write for example postgres://user@[::1]:5432/database",
        );
    }
    Some(Secret::new(url))
}

/// The host, where it is an address in brackets. A user stands before `@`, with a password or without.
fn bracketed_host(url: &str) -> Option<&str> {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next()?.strip_prefix('[')?;
    // Without its closing bracket it is not an address.
    Some(host.split_once(']').map_or("", |(address, _)| address))
}

fn use_outbox(reader: &mut Reader<'_>) -> bool {
    let name = "USE_OUTBOX_PATTERN";
    let use_outbox = reader.flag(name, true);
    if !use_outbox && cfg!(not(feature = "kafka")) {
        reader.fault(
            name,
            "this build has no Kafka client that could send events",
            "leave it at true, or enable the Cargo feature `kafka`",
        );
    } else if !use_outbox && !reader.flag("EVENT_ALLOW_DUAL_WRITE", false) {
        reader.fault(
            name,
            "events would be sent before the commit, so that a rollback leaves an event of what never happened",
            "leave it at true, or accept that with EVENT_ALLOW_DUAL_WRITE=true",
        );
    }
    use_outbox
}

fn shutdown_timeout(reader: &mut Reader<'_>) -> Duration {
    let name = "EVENT_SHUTDOWN_TIMEOUT";
    let Some(text) = reader.optional(name) else { return DEFAULT_SHUTDOWN_TIMEOUT };
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let limit = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.min(LONGEST_SHUTDOWN_TIMEOUT.as_secs_f64())).ok());
    limit.unwrap_or_else(|| {
        reader.fault(name, "it is not a time", "write a number of seconds, for example 10 or 2.5");
        DEFAULT_SHUTDOWN_TIMEOUT
    })
}

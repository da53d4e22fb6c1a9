//! Checks of topics: their existence, and their limit of a record's size.

use std::{collections::BTreeSet, time::Duration};

use marty_events::EventConfig;
use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier},
    client::DefaultClientContext,
    consumer::Consumer,
    types::RDKafkaErrorCode as Code,
};

use super::report::{Check, Report};
use crate::kafka::Client;

/// The settings of broker and topics, and the reason of the first missing answer.
pub(super) struct Settings {
    known: Vec<ConfigResource>,
    pub(super) problem: String,
}

impl Settings {
    fn of_broker(&self, name: &str) -> Option<&str> {
        self.value(name, |of| matches!(of, OwnedResourceSpecifier::Broker(_)))
    }

    pub(super) fn of_topic(&self, topic: &str, name: &str) -> Option<&str> {
        self.value(name, |of| matches!(of, OwnedResourceSpecifier::Topic(name) if name == topic))
    }

    fn value(&self, name: &str, is_meant: impl Fn(&OwnedResourceSpecifier) -> bool) -> Option<&str> {
        self.known.iter().find(|resource| is_meant(&resource.specifier))?.get(name)?.value.as_deref()
    }
}

#[expect(clippy::too_many_arguments, reason = "each is a finding of an earlier check")]
pub(super) async fn check(
    admin: &AdminClient<DefaultClientContext>,
    client: Client,
    config: &EventConfig,
    broker: i32,
    existing: &[String],
    waiting: Vec<String>,
    patience: Duration,
    report: &mut Report,
) {
    let prefix = if config.topic_prefix().is_empty() { String::new() } else { format!("{}.", config.topic_prefix()) };
    let mut known: BTreeSet<String> =
        ["audit.events", "notification.events"].iter().map(|name| format!("{prefix}{name}")).collect();
    known.extend(waiting.iter().cloned());
    let (there, missing): (Vec<&String>, Vec<&String>) = known.iter().partition(|topic| existing.contains(topic));
    let of_topics = there.iter().map(|topic| ResourceSpecifier::Topic(topic));
    let asked: Vec<_> = std::iter::once(ResourceSpecifier::Broker(broker)).chain(of_topics).collect();
    let settings = settings(admin, &asked, patience).await;
    let hidden = hidden(client, &missing, patience).await;
    report.add(presence(&settings, &there, &missing, &hidden, &waiting));
    report.add(message_size(&settings, &there, config.max_message_bytes()));
}

pub(super) async fn settings(
    admin: &AdminClient<DefaultClientContext>,
    of: &[ResourceSpecifier<'_>],
    patience: Duration,
) -> Settings {
    let options = AdminOptions::new().request_timeout(Some(patience));
    // A client without the right gets no settings. The outbox works without that right, so this is not a failure.
    match admin.describe_configs(of, &options).await {
        Ok(answers) => {
            let (known, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
            let problem = refused.into_iter().find_map(Result::err).map(|code| code.to_string()).unwrap_or_default();
            Settings { known: known.into_iter().filter_map(Result::ok).collect(), problem }
        }
        Err(error) => Settings { known: Vec::new(), problem: error.to_string() },
    }
}

/// The missing topics that exist but are hidden from this user. Only a request by name tells them apart.
async fn hidden(client: Client, missing: &[&String], patience: Duration) -> Vec<String> {
    let missing: Vec<String> = missing.iter().map(|topic| (*topic).clone()).collect();
    let ask = move || {
        let is_hidden = |topic: &String| {
            let answer = client.fetch_metadata(Some(topic), patience);
            let error = answer.ok().and_then(|metadata| metadata.topics().first()?.error());
            error.is_some_and(|error| Code::from(error) == Code::TopicAuthorizationFailed)
        };
        missing.into_iter().filter(is_hidden).collect()
    };
    tokio::task::spawn_blocking(ask).await.unwrap_or_default()
}

fn presence(
    settings: &Settings,
    there: &[&String],
    missing: &[&String],
    hidden: &[String],
    waiting: &[String],
) -> Check {
    let name = "topics";
    if !hidden.is_empty() {
        let found = format!("this user may not see {}", hidden.join(", "));
        return Check::failed(name, found, "let the brokers' ACLs allow it DESCRIBE and WRITE on these topics");
    }
    if missing.is_empty() {
        return Check::ok(name, format!("all {} known topics exist", there.len()));
    }
    let list = missing.iter().map(|topic| topic.as_str()).collect::<Vec<_>>().join(", ");
    let create = format!(
        "create them: `marty-events topics plan FILE` shows the steps for the service's file of events or topics, and \
         `marty-events topics apply FILE` makes them; or `kafka-topics.sh --create --topic {}`",
        missing[0]
    );
    match settings.of_broker("auto.create.topics.enable") {
        Some("true") => {
            Check::ok(name, format!("{} exist; the broker creates the others when they are needed", there.len()))
        }
        Some(_) if missing.iter().any(|topic| waiting.contains(topic)) => {
            Check::failed(name, format!("missing, and the broker does not create topics by itself: {list}"), create)
        }
        Some(_) => {
            Check::warning(name, format!("missing, and the broker does not create topics by itself: {list}"), create)
        }
        None => {
            let found = format!(
                "missing: {list}; the broker does not tell whether it creates topics by itself ({})",
                settings.problem
            );
            Check::warning(name, found, format!("{create}, or make sure that auto.create.topics.enable is on"))
        }
    }
}

fn message_size(settings: &Settings, there: &[&String], producer: usize) -> Check {
    let name = "message-size";
    let limit = |value: Option<&str>| value?.parse::<usize>().ok();
    let of_broker = limit(settings.of_broker("message.max.bytes")).map(|limit| ("the broker".to_owned(), limit));
    let of_topics = there
        .iter()
        .filter_map(|topic| Some(((*topic).clone(), limit(settings.of_topic(topic, "max.message.bytes"))?)));
    let limits: Vec<(String, usize)> = of_broker.into_iter().chain(of_topics).collect();
    if limits.is_empty() {
        let found =
            format!("the producer takes {producer} bytes; the broker does not tell its limit ({})", settings.problem);
        return Check::warning(
            name,
            found,
            "let the ACLs allow DESCRIBE_CONFIGS on the cluster, or compare message.max.bytes by hand",
        );
    }
    let tight: Vec<String> =
        limits.iter().filter(|(_, limit)| *limit < producer).map(|(of, limit)| format!("{of} takes {limit}")).collect();
    if tight.is_empty() {
        return Check::ok(
            name,
            format!("the producer takes {producer} bytes, and no broker or topic has a lower limit"),
        );
    }
    let advice = "raise max.message.bytes of the topic (message.max.bytes of the broker), or lower \
                  KAFKA_PRODUCER_MESSAGE_MAX_BYTES: then the service gets the error at once, and no event becomes a dead letter";
    Check::warning(name, format!("the producer takes {producer} bytes, but {}", tight.join(", ")), advice)
}

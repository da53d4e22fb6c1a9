//! Files of topics.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use marty_events::{
    EventConfig,
    catalogue::{Catalogue, Published},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    exit::Exit,
    failure::{Failure, Result},
    kafka,
};

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// The broker's default unless set.
    pub(super) partitions: Option<u16>,
    /// The broker's default unless set.
    pub(super) replication: Option<u16>,
    pub(super) config: BTreeMap<String, String>,
    /// True if a part of the name is known at run time alone.
    pub(super) is_pattern: bool,
}

/// Numbers and settings of topics for which no other ones are given.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    pub(super) partitions: Option<u16>,
    pub(super) replication: Option<u16>,
    pub(super) config: BTreeMap<String, String>,
}

/// The parts of names that the environment gives.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
    /// The name in a file of events is that of the package, unless a service wrote the file.
    service: Option<String>,
    pattern: Option<String>,
}

/// The form of a file of topics. Names have no prefix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicsFile {
    partitions: Option<u16>,
    replication: Option<u16>,
    #[serde(default)]
    config: BTreeMap<String, Value>,
    /// Files of events, relative to this file.
    #[serde(default)]
    catalogues: Vec<PathBuf>,
    #[serde(default)]
    topics: BTreeMap<String, TopicEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicEntry {
    partitions: Option<u16>,
    replication: Option<u16>,
    #[serde(default)]
    config: BTreeMap<String, Value>,
}

impl Names {
    pub(super) fn of(config: &EventConfig) -> Self {
        Self {
            prefix: config.topic_prefix().to_owned(),
            service: kafka::has_service_name().then(|| config.service_name().to_owned()),
            // The configuration has checked it.
            pattern: env::var("EVENT_DOMAIN_TOPIC").ok().filter(|pattern| !pattern.trim().is_empty()),
        }
    }

    fn prefixed(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    /// The topic of a published event, without the prefix.
    fn topic(&self, catalogue: &Catalogue, event: &Published) -> String {
        let service = self.service.as_ref().unwrap_or(&catalogue.service);
        if event.kind != "domain" {
            return event.topic.clone();
        }
        let aggregate = event
            .topic
            .strip_prefix("{service}.")
            .and_then(|rest| rest.strip_suffix(&event.event_type.to_ascii_lowercase())?.strip_suffix('.'));
        let topic = match (&self.pattern, aggregate) {
            (Some(pattern), Some(aggregate)) => {
                pattern.trim().replace("{aggregate}", aggregate).replace("{event_type}", &event.event_type)
            }
            _ => event.topic.clone(),
        };
        topic.replace("{service}", service).to_ascii_lowercase()
    }
}

/// The topics of a file, sorted by name.
pub(super) fn read(path: &Path, names: &Names, options: Defaults) -> Result<Vec<Wanted>> {
    let value: Value = serde_json::from_str(&text(path)?).map_err(|error| malformed(path).because(&error))?;
    let file = if value.get("catalogue_version").is_some() {
        TopicsFile {
            partitions: None,
            replication: None,
            config: BTreeMap::new(),
            // The same file once more, as a catalogue.
            catalogues: path.file_name().map(PathBuf::from).into_iter().collect(),
            topics: BTreeMap::new(),
        }
    } else {
        serde_json::from_value(value).map_err(|error| malformed(path).because(&error))?
    };
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut entries = file.topics;
    for catalogue in &file.catalogues {
        let catalogue = folder.join(catalogue);
        let events = Catalogue::from_json(&text(&catalogue)?).map_err(|error| malformed(&catalogue).because(&error))?;
        for event in &events.publishes {
            entries.entry(names.topic(&events, event)).or_default();
        }
    }
    let mut config = options.config;
    config.extend(texts(path, file.config)?);
    let partitions = file.partitions.or(options.partitions);
    let replication = file.replication.or(options.replication);
    entries
        .into_iter()
        .map(|(name, entry)| {
            if entry.partitions.or(partitions) == Some(0) || entry.replication.or(replication) == Some(0) {
                return Err(malformed(path).advise(format!("`{name}` has 0 partitions or copies; write 1 or more")));
            }
            let mut config = config.clone();
            config.extend(texts(path, entry.config)?);
            Ok(Wanted {
                is_pattern: name.contains('*'),
                name: names.prefixed(&name),
                partitions: entry.partitions.or(partitions),
                replication: entry.replication.or(replication),
                config,
            })
        })
        .collect()
}

/// Settings as the brokers write them.
fn texts(path: &Path, settings: BTreeMap<String, Value>) -> Result<BTreeMap<String, String>> {
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Bool(flag) => Ok((name, flag.to_string())),
        _ => Err(malformed(path).advise(format!("write the setting `{name}` as a text, a number, true or false"))),
    };
    settings.into_iter().map(text).collect()
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Usage, format!("the file `{}` cannot be read", path.display())).because(&error)
    })
}

fn malformed(path: &Path) -> Failure {
    let error = format!("the file `{}` is neither a file of events nor a file of topics", path.display());
    Failure::new(Exit::Usage, error).advise(
        r#"write {"partitions": 6, "replication": 3, "config": {..}, "catalogues": ["events.json"], "topics": {"billing.ledger": {..}}}; each key is optional"#,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, service: Option<&str>, pattern: Option<&str>) -> Names {
        Names {
            prefix: prefix.to_owned(),
            service: service.map(ToOwned::to_owned),
            pattern: pattern.map(ToOwned::to_owned),
        }
    }

    fn catalogue() -> String {
        Catalogue::new("users-package")
            .publishing(Published::new("domain", "{service}.user.user_created", "User_Created"))
            .publishing(Published::new("domain", "{service}.user.*", "*"))
            .publishing(Published::new("custom", "Billing.ledger", "posted"))
            .publishing(Published::new("audit", "audit.events", "*"))
            .to_json()
    }

    fn listed(names: &Names, text: &str) -> Vec<Wanted> {
        let folder = tempfile::tempdir().expect("a directory");
        fs::write(folder.path().join("events.json"), catalogue()).expect("written");
        let path = folder.path().join("topics.json");
        fs::write(&path, text).expect("written");
        let options = Defaults { partitions: Some(2), ..Defaults::default() };
        read(&path, names, options).expect("topics")
    }

    #[test]
    fn a_file_of_events_names_its_topics() {
        let topics = |names| -> Vec<String> {
            listed(&names, &catalogue()).into_iter().filter(|topic| !topic.is_pattern).map(|topic| topic.name).collect()
        };
        assert_eq!(
            topics(names("marty", None, None)),
            ["marty.Billing.ledger", "marty.audit.events", "marty.users-package.user.user_created"]
        );
        let by_aggregate = names("", Some("Users"), Some("{service}.{aggregate}"));
        assert_eq!(topics(by_aggregate), ["Billing.ledger", "audit.events", "users.user"]);
        assert_eq!(listed(&names("m", None, None), &catalogue()).iter().filter(|topic| topic.is_pattern).count(), 1);
    }

    #[test]
    fn the_nearest_number_counts() {
        let text = r#"{"replication": 3, "config": {"min.insync.replicas": 2, "compression.type": "zstd"}, "catalogues": ["events.json"],
            "topics": {"audit.events": {"partitions": 1, "config": {"min.insync.replicas": 1}}}}"#;
        let topics = listed(&names("m", None, None), text);
        let found = |name: &str| topics.iter().find(|topic| topic.name == name).expect("a topic");
        let (audit, ledger) = (found("m.audit.events"), found("m.Billing.ledger"));
        assert_eq!(
            (audit.partitions, audit.replication, audit.config["min.insync.replicas"].as_str()),
            (Some(1), Some(3), "1")
        );
        assert_eq!((ledger.partitions, ledger.config["min.insync.replicas"].as_str()), (Some(2), "2"));
        assert_eq!(audit.config["compression.type"], "zstd");
    }
}

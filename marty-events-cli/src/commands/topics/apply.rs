//! Requests to the cluster.

use std::{collections::BTreeMap, time::Duration};

use marty_events::EventConfig;
use rdkafka::{
    admin::{
        AdminClient, AdminOptions, NewPartitions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
        TopicReplication, TopicResult,
    },
    client::DefaultClientContext,
    consumer::Consumer,
    error::KafkaError,
    metadata::Metadata,
    types::RDKafkaErrorCode as Code,
};

use super::plan::{Action, Existing, Plan};
use crate::{
    exit::Exit,
    failure::{Failure, Result},
    kafka::{self, Client, Complaints, diagnosis},
};

/// The broker's default, in a request.
const DEFAULT: i32 = -1;

pub(super) struct Cluster {
    admin: AdminClient<DefaultClientContext>,
    topics: BTreeMap<String, (usize, usize)>,
    patience: Duration,
}

impl Cluster {
    pub(super) async fn connect(config: &EventConfig, patience: Duration) -> Result<Self> {
        let settings = kafka::looking(config)?;
        let client: Client = settings.create_with_context(Complaints::default()).map_err(|error| refused(&error))?;
        let ask = move || {
            let answer = kafka::metadata(&client, patience);
            (answer, client.context().all())
        };
        let (answer, complaints) = tokio::task::spawn_blocking(ask)
            .await
            .map_err(|error| Failure::new(Exit::Failed, "the Kafka client stopped").because(&error))?;
        let metadata = answer.map_err(|error| {
            let (found, advice) = diagnosis::of(&error, &complaints);
            Failure::new(Exit::Failed, found).advise(advice)
        })?;
        let admin = settings.create().map_err(|error| refused(&error))?;
        Ok(Self { admin, topics: sizes(&metadata), patience })
    }

    /// The topics that are there, with their settings.
    pub(super) async fn look(&self) -> Result<BTreeMap<String, Existing>> {
        let mut existing: BTreeMap<String, Existing> = self
            .topics
            .iter()
            .map(|(name, (partitions, replication))| {
                let (partitions, replication) = (*partitions, *replication);
                (name.clone(), Existing { partitions, replication, config: BTreeMap::new() })
            })
            .collect();
        let of: Vec<ResourceSpecifier<'_>> = self.topics.keys().map(|name| ResourceSpecifier::Topic(name)).collect();
        if of.is_empty() {
            return Ok(existing);
        }
        let answers = self.admin.describe_configs(&of, &self.options()).await.map_err(|error| refused(&error))?;
        // A topic whose settings may not be read has none here. That matters only if the file sets one.
        for resource in answers.into_iter().flatten() {
            let OwnedResourceSpecifier::Topic(name) = &resource.specifier else { continue };
            let Some(topic) = existing.get_mut(name) else { continue };
            let settings = resource.entries.iter();
            topic.config = settings.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?))).collect();
        }
        Ok(existing)
    }

    /// Makes what is missing. A rehearsal lets the brokers check it, and makes nothing.
    pub(super) async fn carry_out(&self, plan: &Plan, is_rehearsal: bool) -> Result<()> {
        let options = self.options().validate_only(is_rehearsal).operation_timeout(Some(self.patience));
        let number = |number: Option<u16>| number.map_or(DEFAULT, i32::from);
        let new: Vec<NewTopic<'_>> = plan
            .steps(Action::Create)
            .map(|step| {
                let copies = TopicReplication::Fixed(number(step.replication));
                let topic = NewTopic::new(&step.topic, number(step.partitions), copies);
                step.config.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        if !new.is_empty() {
            let answers = self.admin.create_topics(&new, &options).await.map_err(|error| refused(&error))?;
            all_done("create", answers)?;
        }
        let grown: Vec<NewPartitions<'_>> = plan
            .steps(Action::AddPartitions)
            .filter_map(|step| Some(NewPartitions::new(&step.topic, step.partitions?.into())))
            .collect();
        if !grown.is_empty() {
            let answers = self.admin.create_partitions(&grown, &options).await.map_err(|error| refused(&error))?;
            all_done("add partitions to", answers)?;
        }
        Ok(())
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.patience))
    }
}

/// Partitions, and the copies of the partition that has the fewest.
fn sizes(metadata: &Metadata) -> BTreeMap<String, (usize, usize)> {
    let size = |topic: &rdkafka::metadata::MetadataTopic| {
        let copies = topic.partitions().iter().map(|partition| partition.replicas().len()).min();
        (topic.name().to_owned(), (topic.partitions().len(), copies.unwrap_or_default()))
    };
    metadata.topics().iter().map(size).collect()
}

/// Every refusal, in one failure.
fn all_done(work: &str, answers: Vec<TopicResult>) -> Result<()> {
    let refusals: Vec<String> = answers
        .into_iter()
        .filter_map(|answer| match answer {
            // Another run may have made it meanwhile; the next run compares it.
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => None,
            Err((topic, code)) => Some(format!("`{topic}`: {code}")),
        })
        .collect();
    if refusals.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(Exit::Failed, format!("the brokers refuse to {work} {}", refusals.join(", ")));
    Err(failure.advise("check the numbers, the settings and the rights (CREATE and ALTER); topics that were made stay, and the next run goes on"))
}

fn refused(error: &KafkaError) -> Failure {
    Failure::new(Exit::Failed, "the brokers did not answer the request")
        .because(error)
        .advise("check the broker with `marty-events doctor`")
}

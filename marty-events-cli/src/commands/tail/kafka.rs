use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    time::{Duration, Instant},
};

use marty_events::{CancellationToken, EventConfig};
use rdkafka::{
    Message, Offset, TopicPartitionList, consumer::Consumer, error::KafkaError, metadata::Metadata,
    types::RDKafkaErrorCode as Code,
};

use super::{Show, Start, event::TailedEvent, topics::Topics};
use crate::{
    exit::Exit,
    failure::{Failure, Result},
    kafka::{self, Client, Complaints, group::Group},
    plain::plain,
};

/// The limit of the brokers' first answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two searches for new topics and partitions.
const REFRESH: Duration = Duration::from_secs(2);

/// The place in each partition at which reading begins.
#[derive(Debug)]
pub(super) enum Begin {
    Beginning,
    End,
    /// The first record that a group has not handled.
    Behind(HashMap<(String, i32), i64>),
}

impl From<Start> for Begin {
    fn from(start: Start) -> Self {
        match start {
            Start::Beginning => Self::Beginning,
            Start::End => Self::End,
        }
    }
}

/// The topics that a group reads, or the named ones, from the group's offsets on. Blocks the thread.
pub(super) fn not_handled(config: &EventConfig, group: &str, named: &[String]) -> Result<(Topics, Begin)> {
    let chosen = if named.is_empty() { None } else { Some(Topics::parse(named, config.topic_prefix())?) };
    let reader = Group::new(config, group, PATIENCE)?;
    let positions = match &chosen {
        Some(topics) => reader.positions(Some(&|topic: &str| topics.contain(topic)))?,
        None => reader.positions(None)?,
    };
    let topics = match chosen {
        Some(topics) => topics,
        None if positions.is_empty() => return Err(no_offsets(group)),
        None => {
            let read: BTreeSet<&String> = positions.iter().map(|position| &position.topic).collect();
            Topics::parse(&read.into_iter().cloned().collect::<Vec<String>>(), config.topic_prefix())?
        }
    };
    let behind = positions.into_iter().map(|position| {
        let next = position.next();
        ((position.topic, position.partition), next)
    });
    Ok((topics, Begin::Behind(behind.collect())))
}

/// Shows records until there were enough, or until `stop`. Blocks the thread.
pub(super) fn follow(
    config: &EventConfig,
    topics: &Topics,
    from: &Begin,
    no_follow: bool,
    payload: bool,
    mut show: Show,
    stop: &CancellationToken,
) -> Result<()> {
    let mut settings = kafka::looking(config)?;
    settings.set("enable.partition.eof", "true");
    let consumer: Client = settings.create_with_context(Complaints::default()).map_err(|error| failed(&error))?;
    let mut reading = Reading::default();
    let there = kafka::metadata(&consumer, PATIENCE).map_err(|error| kafka::unreachable(&consumer, &error))?;
    reading.take_up(&there, &consumer, topics, from).map_err(|error| failed(&error))?;
    let missing = topics.missing(&reading.known());
    if !missing.is_empty() {
        show.output.remark(&format!("there is no topic {} yet", missing.join(", ")));
    } else if reading.partitions.is_empty() {
        show.output.remark("there is no such topic yet; `marty-events doctor` checks EVENT_TOPIC_PREFIX");
    }
    if no_follow {
        reading.measure(&consumer).map_err(|error| failed(&error))?;
    }
    let mut next_look = Instant::now() + REFRESH;
    while !(stop.is_cancelled() || no_follow && reading.is_at_the_end()) {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => {
                reading.read(record.topic(), record.partition(), record.offset());
                if !show.show(&TailedEvent::of_record(&record, payload))? {
                    break;
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => reading.ends += 1,
            Some(Err(error)) if is_final(&error) => return Err(failed(&error)),
            // The client reconnects by itself.
            Some(Err(_)) | None => {}
        }
        if !no_follow && next_look <= Instant::now() {
            // A failed request is harmless: the next search finds the same topics. A new topic is read from its beginning,
            // because all its records are newer than this command.
            if let Ok(there) = consumer.fetch_metadata(None, Duration::from_millis(500)) {
                reading.take_up(&there, &consumer, topics, &Begin::Beginning).map_err(|error| failed(&error))?;
            }
            next_look = Instant::now() + REFRESH;
        }
    }
    Ok(())
}

/// The assigned partitions.
#[derive(Default)]
struct Reading {
    /// Each partition with the end of the records that were there at the start; `None` once they were read.
    partitions: HashMap<(String, i32), Option<i64>>,
    /// The number of partition ends that the client has reported.
    ends: usize,
}

impl Reading {
    /// Assigns the partitions that are not assigned yet.
    fn take_up(
        &mut self,
        metadata: &Metadata,
        consumer: &Client,
        topics: &Topics,
        from: &Begin,
    ) -> Result<(), KafkaError> {
        let mut new = TopicPartitionList::new();
        for topic in metadata.topics().iter().filter(|topic| topics.contain(topic.name())) {
            for partition in topic.partitions() {
                if let Entry::Vacant(place) = self.partitions.entry((topic.name().to_owned(), partition.id())) {
                    let offset = match from {
                        Begin::End => Offset::End,
                        Begin::Beginning => Offset::Beginning,
                        Begin::Behind(offsets) => {
                            offsets.get(place.key()).map_or(Offset::Beginning, |&offset| Offset::Offset(offset))
                        }
                    };
                    new.add_partition_offset(topic.name(), partition.id(), offset)?;
                    place.insert(None);
                }
            }
        }
        if new.count() == 0 { Ok(()) } else { consumer.incremental_assign(&new) }
    }

    fn known(&self) -> Vec<&str> {
        self.partitions.keys().map(|(topic, _)| topic.as_str()).collect()
    }

    /// Asks for the end of each partition.
    fn measure(&mut self, consumer: &Client) -> Result<(), KafkaError> {
        for ((topic, partition), end) in &mut self.partitions {
            let (first, next) = consumer.fetch_watermarks(topic, *partition, PATIENCE)?;
            *end = (first < next).then_some(next);
        }
        Ok(())
    }

    fn read(&mut self, topic: &str, partition: i32, offset: i64) {
        if let Some(end) = self.partitions.get_mut(&(topic.to_owned(), partition))
            && end.is_some_and(|end| end <= offset + 1)
        {
            *end = None;
        }
    }

    /// True once every record was read that was there at the start, or the client has reported the end of each partition. A partition
    /// may end with marks of transactions, which consumers never receive.
    fn is_at_the_end(&self) -> bool {
        self.partitions.values().all(Option::is_none) || self.partitions.len() <= self.ends
    }
}

/// True for an error that only a change of rights or credentials ends. An error about the group does not count: the client
/// asks for its group, but this command needs no right on it.
fn is_final(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::TopicAuthorizationFailed | Code::Authentication))
}

fn failed(error: &KafkaError) -> Failure {
    let advice = match error.rdkafka_error_code() {
        Some(Code::TopicAuthorizationFailed) => "let the brokers' ACLs allow this user READ on the topics",
        _ => "check the broker with `marty-events doctor`",
    };
    Failure::new(Exit::Failed, "the topics could not be read").because(error).advise(advice)
}

fn no_offsets(group: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the group {} has no offsets at these brokers", plain(group)))
        .advise("check the group's name and KAFKA_BROKERS; for a group that is new, name its topics too")
}

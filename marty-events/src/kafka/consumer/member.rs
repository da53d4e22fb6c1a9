use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rdkafka::{
    Message, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
    types::RDKafkaErrorCode as Code,
};
use tokio::sync::oneshot;

use super::{
    context::MemberContext,
    headers::headers_of,
    intake::{Flow, Intake, Partition},
    offsets::store,
    properties::{MemberSettings, member_config},
};
use crate::{
    EventError,
    config::EventConfig,
    inbox::Delivery,
    kafka::{not_made, warn_of_strangers},
};

/// The time that the thread waits for a record at once. Offsets are stored, partitions paused and the end noticed at least so often.
const TURN: Duration = Duration::from_millis(50);
/// The same while a partition is paused and may go on at any moment, or while finished records wait for their commit.
const SHORT_TURN: Duration = Duration::from_millis(10);
/// The time that a full partition keeps the thread from reading before it is paused alone. A pause throws away the records that the client has
/// read ahead, and they are fetched again, so it is for handlers that are slow.
const HOLD: Duration = Duration::from_millis(100);
/// The pause between two looks at the offsets and the partitions' shares.
const SERVICE_PAUSE: Duration = Duration::from_millis(20);

/// A running member. Dropping it lets the thread leave the group in its own time.
pub(crate) struct GroupMember {
    stop: Arc<AtomicBool>,
    /// The end of the thread.
    pub(crate) ended: oneshot::Receiver<Result<(), EventError>>,
}

impl GroupMember {
    /// Joins the group and reads these topics, whether or not they exist by now.
    pub(crate) fn start<I: Intake>(
        config: &EventConfig,
        settings: &MemberSettings,
        topics: &[String],
        intake: Arc<I>,
    ) -> Result<Self, EventError> {
        let client = member_config(config, settings)?;
        warn_of_strangers(&client);
        let context = MemberContext::new(intake, settings.hand_over_time, settings.start_at);
        let consumer = BaseConsumer::from_config_and_context(&client, context).map_err(not_made)?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (end, ended) = oneshot::channel();
        let stopped = Arc::clone(&stop);
        thread::Builder::new()
            .name("marty-events member".to_owned())
            .spawn(move || {
                let result = read(&consumer, &stopped);
                consumer.context().begins_to_leave();
                // It leaves the group: the partitions are handed over and the offsets committed.
                drop(consumer);
                let _ = end.send(result.map_err(failed));
            })
            .map_err(|source| EventError::Background { source })?;
        Ok(Self { stop, ended })
    }

    /// Asks it to leave the group.
    pub(crate) fn leave(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        self.leave();
    }
}

fn failed(error: KafkaError) -> EventError {
    EventError::Kafka(Box::new(error))
}

/// Reads until it is asked to stop, or until the client cannot go on.
fn read<I: Intake>(consumer: &BaseConsumer<MemberContext<I>>, stop: &AtomicBool) -> Result<(), KafkaError> {
    let intake = consumer.context().intake();
    let mut served = Instant::now();
    let mut turn = SHORT_TURN;
    let mut topic: Arc<str> = "".into();
    while !stop.load(Ordering::Acquire) {
        match consumer.poll(turn) {
            Some(Ok(message)) => {
                // Records come in runs of one topic.
                if *topic != *message.topic() {
                    topic = message.topic().into();
                }
                let is_full = intake.take_in(delivery(&message, Arc::clone(&topic)));
                drop(message);
                if is_full && !intake.makes_room(HOLD) {
                    steer(consumer, &intake.flow());
                }
            }
            Some(Err(error)) => note(consumer.context(), error)?,
            None => {}
        }
        if SERVICE_PAUSE <= served.elapsed() {
            store(consumer, intake);
            steer(consumer, &intake.flow());
            served = Instant::now();
            turn = if intake.is_paused() { SHORT_TURN } else { TURN };
        } else {
            turn = SHORT_TURN;
        }
    }
    store(consumer, intake);
    Ok(())
}

fn steer<I: Intake>(consumer: &BaseConsumer<MemberContext<I>>, flow: &Flow) {
    for (partitions, is_pause) in [(&flow.pause, true), (&flow.resume, false)] {
        if partitions.is_empty() {
            continue;
        }
        let list = list(partitions);
        let steered = if is_pause { consumer.pause(&list) } else { consumer.resume(&list) };
        if let Err(error) = steered {
            tracing::warn!(?partitions, is_pause, %error, "partitions cannot be paused or resumed");
        }
    }
}

/// An error that the client reports in place of a record. It goes on after most of them.
fn note<I: Intake>(context: &MemberContext<I>, error: KafkaError) -> Result<(), KafkaError> {
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        return Err(error);
    }
    match error.rdkafka_error_code() {
        // It is read as soon as it is there.
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            tracing::debug!(%error, "a topic is not there yet");
        }
        Some(Code::AllBrokersDown) => context.intake().reached(Some(&error)),
        // The client tells of each connection, and others may be good.
        Some(Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut) => {
            tracing::debug!(%error, "kafka client");
        }
        _ => tracing::warn!(%error, "the consumer goes on"),
    }
    Ok(())
}

fn delivery(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Delivery {
    let headers = message.headers().map_or_else(Vec::new, headers_of);
    Delivery {
        topic,
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        headers,
        value: message.payload().map(<[u8]>::to_vec),
        timestamp: message.timestamp().to_millis().and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        attempt: 1,
    }
}

fn list(partitions: &[Partition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

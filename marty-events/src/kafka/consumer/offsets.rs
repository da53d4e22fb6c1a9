use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::intake::Intake;

/// Gives the client the offsets to commit.
pub(super) fn store<C: ConsumerContext>(consumer: &BaseConsumer<C>, intake: &impl Intake) {
    let advanced = intake.advanced();
    if advanced.is_empty() {
        return;
    }
    let mut offsets = TopicPartitionList::with_capacity(advanced.len());
    for ((topic, partition), next) in &advanced {
        if let Err(error) = offsets.add_partition_offset(topic, *partition, Offset::Offset(*next)) {
            tracing::warn!(%topic, partition, next, %error, "an offset cannot be written down");
        }
    }
    // The client refuses those of partitions that are not this member's any more, and then their next owner begins further back.
    if let Err(error) = consumer.store_offsets(&offsets) {
        tracing::debug!(%error, "offsets are not stored");
    }
}

use std::{sync::Arc, time::Duration};

use rdkafka::error::KafkaError;

use crate::inbox::Delivery;

/// A partition of a topic.
pub(crate) type Partition = (Arc<str>, i32);

/// The partitions to stop and to go on reading.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) pause: Vec<Partition>,
    pub(crate) resume: Vec<Partition>,
}

/// The user of a member's records. Its methods are called by the member's thread.
pub(crate) trait Intake: Send + Sync + 'static {
    /// These partitions are this member's from now on.
    fn assigned(&self, partitions: Vec<Partition>);

    /// Begins no further record of these partitions and waits, `limit` at the most, for those that are at work.
    fn hand_over(&self, partitions: &[Partition], limit: Duration);

    /// These partitions are another member's.
    fn released(&self, partitions: &[Partition]);

    /// True if its partition has no room for another one now.
    fn take_in(&self, delivery: Delivery) -> bool;

    /// Waits, `limit` at the most, until the partitions that are read have room again. False if one of them has none.
    fn makes_room(&self, limit: Duration) -> bool;

    /// The offsets to begin with after a restart, of the partitions where they have moved since the last call.
    fn advanced(&self) -> Vec<(Partition, i64)>;

    fn flow(&self) -> Flow;

    /// True if a partition is paused.
    fn is_paused(&self) -> bool;

    /// The member got an answer from a broker, or did not.
    fn reached(&self, outage: Option<&KafkaError>);

    /// The count of records of a partition that the group has not finished.
    fn lags(&self, partition: &Partition, records: i64);
}

use std::sync::Arc;

use jiff::Timestamp;

/// A record that a handler is called with: from the topic, or from the rows of a parked key.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// The topic with its prefix.
    pub topic: Arc<str>,
    /// The partition of the record.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The headers in their order, as Kafka has them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value, `None` for a tombstone.
    pub value: Option<Vec<u8>>,
    /// The broker's or the producer's time of the record.
    pub timestamp: Option<Timestamp>,
    /// The number of this call: 1 for the first call of the handler.
    pub attempt: u32,
}

impl Delivery {
    /// The bytes that it has in memory.
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        headers + self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}

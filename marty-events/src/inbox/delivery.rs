use std::sync::Arc;

use jiff::Timestamp;

/// A record that a handler is called with: from the topic, or from the rows of a parked key.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// The topic with its prefix.
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    /// In their order, as Kafka has them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// `None` for a tombstone.
    pub value: Option<Vec<u8>>,
    /// The broker's or the producer's time of the record.
    pub timestamp: Option<Timestamp>,
    /// 1 for the first call of the handler.
    pub attempt: u32,
}

impl Delivery {
    /// The bytes that it has in memory.
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        headers + self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}

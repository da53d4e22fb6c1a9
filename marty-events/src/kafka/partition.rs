//! The partition that the client chooses for a key.

/// The partitioner of every producer here, and of the Java client: a key has one partition, independent of its writer.
pub(super) const DEFAULT_PARTITIONER: &str = "murmur2_random";

/// The client's choice of a partition, by the property `partitioner` (librdkafka, CONFIGURATION.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partitioner {
    /// CRC-32 of the key: `consistent`, and `consistent_random`, librdkafka's default.
    Crc32,
    /// `murmur2`, and [`DEFAULT_PARTITIONER`].
    Murmur2,
    /// Another partitioner, whose choice this library does not foretell.
    Other,
}

impl Partitioner {
    pub(crate) fn of(property: Option<&str>) -> Self {
        match property.unwrap_or(DEFAULT_PARTITIONER) {
            "consistent" | "consistent_random" => Self::Crc32,
            "murmur2" | "murmur2_random" => Self::Murmur2,
            _ => Self::Other,
        }
    }

    /// The partition of a key in a topic that has `count` of them; nothing where that is left to chance.
    pub(crate) fn partition(self, key: &[u8], count: i32) -> Option<i32> {
        let count = u32::try_from(count).ok().filter(|count| 0 < *count)?;
        let hash = match self {
            // An empty key is not a key to the `_random` ones.
            _ if key.is_empty() => return None,
            Self::Crc32 => crc32fast::hash(key),
            // The sign is cut off (Kafka, `Utils.toPositive`).
            Self::Murmur2 => murmur2(key) & 0x7fff_ffff,
            Self::Other => return None,
        };
        i32::try_from(hash % count).ok()
    }
}

/// `MurmurHash2` with Kafka's seed (Kafka, `Utils.murmur2`; librdkafka, rdmurmur2.c).
fn murmur2(key: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Kafka's own test (`UtilsTest.testMurmur2`).
    #[test]
    fn murmur2_is_kafkas() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_partition_is_foretold_where_it_is_not_left_to_chance() {
        let crc32 = (crc32fast::hash(b"user-1") % 8).cast_signed();
        assert_eq!(Partitioner::of(Some("consistent_random")).partition(b"user-1", 8), Some(crc32));
        for murmur2 in [None, Some("murmur2_random")] {
            assert_eq!(Partitioner::of(murmur2).partition(b"abc", 7), Some(479_470_107 % 7));
        }
        assert_eq!(Partitioner::of(Some("random")).partition(b"abc", 7), None);
        assert_eq!((Partitioner::Crc32.partition(b"", 7), Partitioner::Crc32.partition(b"a", 0)), (None, None));
    }
}

//! The acknowledgements that count.
//!
//! librdkafka takes a record for delivered when the brokers acknowledge a later record of its partition
//! (`rd_kafka_dr_implicit_ack` in `rdkafka_broker.c`). It trusts the brokers to take the records of a producer in their order. But a broker takes
//! any sequence number of a producer that it has no record of (KIP-360). So on a partition that is new to the producer an early
//! batch can fail, its successor can be taken, and both are reported as delivered. The missing record has no offset.

use rdkafka::{Message, error::KafkaError, message::DeliveryResult, types::RDKafkaErrorCode};

/// The brokers' answer to a record. A record without an offset was not acknowledged itself, so nobody knows if it is there.
pub(crate) fn acknowledged(result: &DeliveryResult<'_>) -> Result<(), KafkaError> {
    match result {
        Ok(record) if 0 <= record.offset() => Ok(()),
        Ok(_) => Err(KafkaError::MessageProduction(UNCONFIRMED)),
        Err((error, _)) => Err(error.clone()),
    }
}

/// librdkafka's "Local: Inconsistent state", which it gives to no record.
const UNCONFIRMED: RDKafkaErrorCode = RDKafkaErrorCode::Inconsistent;

/// True if the record may be missing, and is to be sent once more.
pub(crate) fn is_unconfirmed(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(UNCONFIRMED)
}

//! The envelope of a domain event as a careful author would write it: of borrowed parts, in one go.

use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    metadata: Metadata<'a>,
    event_type: &'a str,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    event_id: Uuid,
    timestamp: &'a str,
    service_name: &'a str,
    service_version: &'a str,
    correlation_id: Option<&'a str>,
    causation_id: Option<&'a str>,
    user_id: Option<&'a str>,
    session_id: Option<&'a str>,
    request_id: Option<&'a str>,
    trace_id: Option<&'a str>,
    span_id: Option<&'a str>,
    source_ip: Option<&'a str>,
    user_agent: Option<&'a str>,
    custom_headers: Empty,
    priority: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    aggregate_type: &'a str,
    aggregate_id: &'a str,
    event_type: &'a str,
    event_version: u32,
    event_data: Data<'a>,
    business_context: Empty,
    schema_version: &'a str,
    schema_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Empty {}

/// The body of the events.
#[derive(Serialize)]
pub(crate) struct Data<'a> {
    pub(crate) number: usize,
    pub(crate) filler: &'a str,
}

impl<'a> Envelope<'a> {
    pub(crate) fn new(id: Uuid, time: &'a str, key: &'a str, data: Data<'a>) -> Self {
        Envelope {
            metadata: Metadata {
                event_id: id,
                timestamp: time,
                service_name: "load",
                service_version: "0.0.0",
                correlation_id: None,
                causation_id: None,
                user_id: None,
                session_id: None,
                request_id: None,
                trace_id: None,
                span_id: None,
                source_ip: None,
                user_agent: None,
                custom_headers: Empty {},
                priority: "normal",
            },
            event_type: "moved",
            payload: Payload {
                aggregate_type: "account",
                aggregate_id: key,
                event_type: "moved",
                event_version: 1,
                event_data: data,
                business_context: Empty {},
                schema_version: "1.0",
                schema_url: None,
            },
        }
    }
}

/// Makes an event of about 1 KiB.
pub(crate) fn filler() -> String {
    "x".repeat(430)
}

//! The event in a record, as far as the runner has to know it.

use crate::{
    EventContext,
    inbox::{Delivery, Identity},
};

/// A record's event: who it is, and the context that is carried on.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) identity: Identity,
    pub(super) event_type: Option<String>,
    /// The context of everything that a handler of the event publishes.
    pub(super) context: EventContext,
}

pub(super) fn open(delivery: &Delivery) -> Opened {
    let header = |name: &str| {
        let (_, value) = delivery.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    };
    let place = || format!("{}/{}/{}", delivery.topic, delivery.partition, delivery.offset);
    let event_id = header("ce_id").unwrap_or_else(place);
    let key = delivery.key.clone().unwrap_or_else(|| event_id.clone().into_bytes());
    Opened {
        context: EventContext::new().causation_id(&event_id),
        event_type: header("ce_type"),
        identity: Identity { event_id, key },
    }
}

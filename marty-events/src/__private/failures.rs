//! Failure events of a call that fails, panics or is dropped half-way. They are built before the body, and handed over
//! without waiting.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use serde_json::value::RawValue;

use crate::{
    Event,
    event::{
        AuditEvent, AuditOutcome, Json,
        data::{Data, EventData},
    },
    publisher,
};

/// The failure events of one call.
#[derive(Debug)]
pub struct Failures {
    /// `None` for an event that was handed over.
    watched: Vec<Option<Watched>>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The body is between two polls, or was not polled yet. A drop in this state is a cancellation.
    Waiting,
    /// The body is being polled. A drop in this state comes from a panic in it.
    Polled,
    /// The body ended.
    Completed,
}

#[derive(Debug)]
struct Watched {
    event: Event,
    data: Option<Data>,
    /// Fields of the data that are still without a value: they name `result` or `error`.
    unset: Vec<&'static str>,
    message: Option<String>,
    code: Option<String>,
}

impl Default for Failures {
    fn default() -> Self {
        Self { watched: Vec::new(), state: State::Waiting }
    }
}

impl Failures {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn watch<E: Into<Event>>(
        &mut self,
        event: E,
        data: Option<Data>,
        unset: &[&'static str],
        code: Option<String>,
    ) {
        self.watched.push(Some(Watched { event: event.into(), data, unset: unset.to_vec(), message: None, code }));
    }

    pub fn previous_state(event: AuditEvent, state: Data) -> AuditEvent {
        // A state that cannot be written is left out: the failure event matters more.
        match state.finish().written() {
            Some(state) => event.with_previous_state(state),
            None => event,
        }
    }

    /// Polls the body. The state tells a panic inside it from a drop between two polls.
    pub fn poll<F: Future>(&mut self, body: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.state = State::Polled;
        let poll = body.poll(context);
        self.state = if poll.is_ready() { State::Completed } else { State::Waiting };
        poll
    }

    pub fn message(&mut self, number: usize, message: String) {
        if let Some(watched) = self.at(number) {
            watched.message = Some(message);
        }
    }

    pub fn code(&mut self, number: usize, code: String) {
        if let Some(watched) = self.at(number) {
            watched.code = Some(code);
        }
    }

    pub fn field<T: EventData + ?Sized>(&mut self, number: usize, name: &'static str, value: &T) {
        let Some(watched) = self.at(number) else { return };
        watched.unset.retain(|unset| *unset != name);
        watched.data = watched.data.take().map(|data| data.field(name, value));
    }

    /// Hands all failure events over: the method returns an error.
    pub fn failed(&mut self) {
        self.hand_over(AuditOutcome::Failure);
    }

    /// The method returned a value that the `success` of the event's attribute calls a failure.
    pub fn unsuccessful(&mut self, number: usize) {
        let watched = self.watched.get_mut(number).and_then(Option::take);
        publisher::record_failure(watched.map(|watched| watched.finish(AuditOutcome::Failure)).into_iter().collect());
    }

    fn at(&mut self, number: usize) -> Option<&mut Watched> {
        self.watched.get_mut(number).and_then(Option::as_mut)
    }

    fn hand_over(&mut self, outcome: AuditOutcome) {
        let watched = self.watched.drain(..).flatten();
        let events: Vec<Event> = watched.map(|watched| watched.finish(outcome)).collect();
        if !events.is_empty() {
            publisher::record_failure(events);
        }
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        match self.state {
            State::Completed => {}
            State::Polled => self.hand_over(AuditOutcome::Panicked),
            State::Waiting => self.hand_over(AuditOutcome::Cancelled),
        }
    }
}

impl Watched {
    fn finish(self, outcome: AuditOutcome) -> Event {
        let Self { event, data, unset, message, code } = self;
        let data = data.map(|data| unset.iter().fold(data, |data, name| data.absent(name)));
        let data = data.map(|data| data.finish().written().unwrap_or_default());
        match event {
            Event::Audit(mut event) => {
                event = event.outcome(outcome);
                if let Some(message) = message {
                    event = event.error_message(message);
                }
                if let Some(code) = code {
                    event = event.error_code(code);
                }
                if let Some(data) = data {
                    event.payload.operation_details = data;
                }
                Event::Audit(event)
            }
            Event::Domain(mut event) => {
                event.payload.event_type.to_mut().push_str("_failed");
                // A typed event has its data already.
                let data = data.unwrap_or_else(|| std::mem::take(&mut event.payload.event_data));
                event.payload.event_data = described(data, outcome, message);
                Event::Domain(event)
            }
            Event::Custom(mut event) => {
                let data = data.unwrap_or_else(|| std::mem::take(&mut event.payload));
                event.payload = described(data, outcome, message);
                Event::Custom(event)
            }
            event @ Event::Notification(_) => event,
        }
    }
}

/// Adds `outcome` and `error_message` to data that is an object, unless it has fields of these names.
fn described(data: Json, outcome: AuditOutcome, message: Option<String>) -> Json {
    let Ok(mut fields) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(data.text()) else { return data };
    let raw = |value: serde_json::Value| serde_json::value::to_raw_value(&value);
    let Ok(outcome) = serde_json::value::to_raw_value(&outcome) else { return data };
    let Ok(message) = raw(message.into()) else { return data };
    fields.entry("outcome".to_owned()).or_insert(outcome);
    fields.entry("error_message".to_owned()).or_insert(message);
    serde_json::value::to_raw_value(&fields).map_or(data, Json::from)
}

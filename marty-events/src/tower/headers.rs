//! From the headers of a request to its context.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::{EventContextLayer, address::address, text::text};
use crate::EventContext;

/// The most bytes that one header brings into an event.
const LONGEST: usize = 512;

impl EventContextLayer {
    pub(super) fn context(&self, headers: &HeaderMap) -> EventContext {
        let header = |name: &str| headers.get(name).and_then(text);
        let id = |name: &str| header(name).filter(|text| text.len() <= LONGEST);
        let trusted = |name: &Option<HeaderName>| {
            only(headers, name.as_ref()?.as_str()).and_then(text).filter(|text| text.len() <= LONGEST)
        };
        let mut context = EventContext::new();
        if let Some(id) = id("x-correlation-id").or_else(|| id("x-request-id")) {
            context = context.correlation_id(id);
        } else if self.makes_correlation_ids && !EventContext::current().has_correlation_id() {
            context = context.correlation_id(Uuid::now_v7());
        }
        if let Some(id) = id("x-causation-id") {
            context = context.causation_id(id);
        }
        if let Some(id) = id("x-request-id") {
            context = context.request_id(id);
        }
        if let Some(mut agent) = header("user-agent") {
            agent.truncate(agent.floor_char_boundary(LONGEST));
            context = context.user_agent(agent);
        }
        // With two headers, nobody knows which is right (section 2.2 of the W3C's test suite, `traceparent_duplicated`).
        if let Some(parent) = only(headers, "traceparent").and_then(text) {
            let state: Option<Vec<String>> = headers.get_all("tracestate").iter().map(list).collect();
            context = context.incoming_trace(&parent, state.map(|state| state.join(",")));
        }
        if let Some(id) = trusted(&self.user_id) {
            context = context.user_id(id);
        }
        if let Some(id) = trusted(&self.session_id) {
            context = context.session_id(id);
        }
        if let Some(address) = self.source_ip.as_ref().and_then(|(name, place)| address(headers, name, *place)) {
            context = context.source_ip(address);
        }
        context
    }
}

/// A part of a list, which may be empty and have tabs in it.
fn list(value: &HeaderValue) -> Option<String> {
    std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned)
}

/// The header of that name, where there is one alone.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

//! Events of an annotated method. Texts of the attribute are `&'static str`, which the builders' own constructors would copy.

use std::borrow::Cow;

use crate::event::{AuditEvent, AuditEventType, CustomEvent, DomainEvent, aggregate::Aggregate};

type Text = Cow<'static, str>;

pub fn audit_event(event_type: AuditEventType, action: impl Into<Text>, resource_type: impl Into<Text>) -> AuditEvent {
    AuditEvent::of(event_type, action.into(), resource_type.into())
}

/// [`audit_event`] of literals: an `Into` costs the compiler a search in each method.
pub fn audit_literals(event_type: AuditEventType, action: &'static str, resource_type: &'static str) -> AuditEvent {
    AuditEvent::of(event_type, Text::Borrowed(action), Text::Borrowed(resource_type))
}

/// [`audit_literals`] of a resource with an id.
pub fn audit_resource(
    event_type: AuditEventType,
    action: &'static str,
    resource_type: &'static str,
    id: String,
) -> AuditEvent {
    audit_literals(event_type, action, resource_type).resource_id(id)
}

/// [`domain_event`] of literals.
pub fn domain_literals(aggregate_type: &'static str, id: String, event_type: &'static str) -> DomainEvent {
    DomainEvent::of(Aggregate::new(aggregate_type, id), Text::Borrowed(event_type))
}

pub fn domain_event(aggregate_type: impl Into<Text>, id: String, event_type: impl Into<Text>) -> DomainEvent {
    DomainEvent::of(Aggregate::new(&aggregate_type.into(), id), event_type.into())
}

pub fn custom_event(topic: impl Into<Text>, event_type: impl Into<Text>) -> CustomEvent {
    CustomEvent::of(topic.into(), event_type.into())
}

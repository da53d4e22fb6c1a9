use std::{borrow::Cow, fmt};

use serde::Serialize;

use super::{AuditEventType, EventPriority, Json};

/// The risk of the audited action; `low` unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RiskLevel {
    /// `low`
    #[default]
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}

impl RiskLevel {
    /// The word that stands on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The end of the recorded operation; `success` unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AuditOutcome {
    /// It succeeded.
    #[default]
    Success,
    /// It returned an error.
    Failure,
    /// It panicked.
    Panicked,
    /// Its future was dropped half-way.
    Cancelled,
}

impl AuditOutcome {
    /// The word that stands on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The record of an action on a resource, on the topic `{prefix}.audit.events`; compliance evidence.
///
/// ```
/// use marty_events::{AuditEvent, AuditEventType, RiskLevel};
///
/// let event = AuditEvent::new(AuditEventType::CertificateRevoked, "revoke", "certificate")
///     .resource_id("cert-7")
///     .compliance_tags(["iso-27001"])
///     .risk_level(RiskLevel::High);
/// ```
#[derive(Debug, Clone)]
pub struct AuditEvent {
    pub(crate) payload: AuditPayload,
    pub(crate) priority: EventPriority,
}

#[derive(Debug, Clone)]
pub(crate) struct AuditPayload {
    pub(crate) event_type: AuditEventType,
    pub(super) action: Cow<'static, str>,
    pub(super) resource_type: Cow<'static, str>,
    pub(crate) resource_id: Option<String>,
    pub(crate) operation_details: Json,
    pub(super) previous_state: Option<Json>,
    pub(super) new_state: Option<Json>,
    pub(super) security_context: Json,
    pub(super) success: bool,
    pub(super) outcome: AuditOutcome,
    pub(super) error_message: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) compliance_tags: Vec<String>,
    pub(super) risk_level: RiskLevel,
}

impl AuditEvent {
    /// An audit event of a successful `action` on a resource of `resource_type`.
    #[must_use]
    pub fn new(event_type: AuditEventType, action: impl Into<String>, resource_type: impl Into<String>) -> Self {
        Self::of(event_type, action.into().into(), resource_type.into().into())
    }

    /// The event without anything that the builder's methods set.
    pub(crate) fn of(event_type: AuditEventType, action: Cow<'static, str>, resource_type: Cow<'static, str>) -> Self {
        Self {
            payload: AuditPayload {
                event_type,
                action,
                resource_type,
                resource_id: None,
                operation_details: Json::default(),
                previous_state: None,
                new_state: None,
                security_context: Json::default(),
                success: true,
                outcome: AuditOutcome::Success,
                error_message: None,
                error_code: None,
                compliance_tags: Vec::new(),
                risk_level: RiskLevel::Low,
            },
            priority: EventPriority::Normal,
        }
    }

    /// The event's type, as it stands in the envelope.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.payload.event_type.as_str()
    }

    /// The resource's id; also the record's key in Kafka. An empty text, and one with control characters, is refused
    /// when the event is published.
    #[must_use]
    pub fn resource_id(mut self, id: impl fmt::Display) -> Self {
        self.payload.resource_id = Some(id.to_string());
        self
    }

    /// Details of the operation (`operation_details`); an empty object unless set. JSON has no `NaN` and no infinity:
    /// such a number is written as `null`. A value that serde cannot write is refused
    /// when the event is published.
    #[must_use]
    pub fn data<T: Serialize + ?Sized>(mut self, details: &T) -> Self {
        self.payload.operation_details = Json::of("operation_details", details);
        self
    }

    /// The resource before the operation.
    #[must_use]
    pub fn previous_state<T: Serialize + ?Sized>(mut self, state: &T) -> Self {
        self.payload.previous_state = Some(Json::of("previous_state", state));
        self
    }

    /// The resource after the operation.
    #[must_use]
    pub fn new_state<T: Serialize + ?Sized>(mut self, state: &T) -> Self {
        self.payload.new_state = Some(Json::of("new_state", state));
        self
    }

    pub(crate) fn with_previous_state(mut self, state: Json) -> Self {
        self.payload.previous_state = Some(state);
        self
    }

    pub(crate) fn with_new_state(mut self, state: Json) -> Self {
        self.payload.new_state = Some(state);
        self
    }

    /// The caller's rights (`security_context`); an empty object unless set.
    #[must_use]
    pub fn security_context<T: Serialize + ?Sized>(mut self, context: &T) -> Self {
        self.payload.security_context = Json::of("security_context", context);
        self
    }

    /// The end of the operation; sets `success` too.
    #[must_use]
    pub fn outcome(mut self, outcome: AuditOutcome) -> Self {
        self.payload.success = outcome == AuditOutcome::Success;
        self.payload.outcome = outcome;
        self
    }

    /// The message of the operation's error.
    #[must_use]
    pub fn error_message(mut self, message: impl Into<String>) -> Self {
        self.payload.error_message = Some(message.into());
        self
    }

    /// A stable code of the operation's error.
    #[must_use]
    pub fn error_code(mut self, code: impl fmt::Display) -> Self {
        self.payload.error_code = Some(code.to_string());
        self
    }

    /// The rules that this record is evidence for, such as `gdpr`.
    #[must_use]
    pub fn compliance_tags<I>(mut self, tags: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.payload.compliance_tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// The risk of the action; `low` unless set.
    #[must_use]
    pub fn risk_level(mut self, level: RiskLevel) -> Self {
        self.payload.risk_level = level;
        self
    }

    /// The urgency for consumers; `normal` unless set.
    #[must_use]
    pub fn priority(mut self, priority: EventPriority) -> Self {
        self.priority = priority;
        self
    }
}

use serde::Serialize;

use super::{EventPriority, Json, NotificationEventType};

/// A message for people, on the topic `{prefix}.notification.events`.
///
/// ```
/// use marty_events::{NotificationEvent, NotificationEventType};
///
/// let event = NotificationEvent::new(NotificationEventType::UserWelcome, "user", ["user-123"])
///     .subject("Welcome!")
///     .message("Account created successfully");
/// ```
#[derive(Debug, Clone)]
pub struct NotificationEvent {
    pub(crate) payload: NotificationPayload,
    pub(crate) priority: EventPriority,
}

#[derive(Debug, Clone)]
pub(crate) struct NotificationPayload {
    pub(crate) event_type: NotificationEventType,
    pub(crate) recipient_type: String,
    pub(crate) recipient_ids: Vec<String>,
    pub(super) subject: String,
    pub(super) message: String,
    pub(super) message_template: Option<String>,
    pub(crate) template_variables: Json,
    pub(super) channels: Vec<String>,
    pub(super) delivery_time: Option<String>,
    pub(super) expiry_time: Option<String>,
    pub(super) action_url: Option<String>,
    pub(super) action_label: Option<String>,
    pub(super) attachments: Vec<String>,
}

impl NotificationEvent {
    /// A notification to the recipients of `recipient_type` with these ids, by e-mail unless `channels` says otherwise.
    #[must_use]
    pub fn new<I>(event_type: NotificationEventType, recipient_type: impl Into<String>, recipient_ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: ToString,
    {
        Self {
            payload: NotificationPayload {
                event_type,
                recipient_type: recipient_type.into(),
                recipient_ids: recipient_ids.into_iter().map(|id| id.to_string()).collect(),
                subject: String::new(),
                message: String::new(),
                message_template: None,
                template_variables: Json::default(),
                channels: vec!["email".to_owned()],
                delivery_time: None,
                expiry_time: None,
                action_url: None,
                action_label: None,
                attachments: Vec::new(),
            },
            priority: EventPriority::Normal,
        }
    }

    /// The event's type, as it stands in the envelope.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.payload.event_type.as_str()
    }

    /// The subject line.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.payload.subject = subject.into();
        self
    }

    /// The text.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.payload.message = message.into();
        self
    }

    /// The name of a template that the consumer fills with [`data`](Self::data).
    #[must_use]
    pub fn message_template(mut self, template: impl Into<String>) -> Self {
        self.payload.message_template = Some(template.into());
        self
    }

    /// The variables of the template (`template_variables`); an empty object unless set. JSON has no `NaN` and no infinity:
    /// such a number is written as `null`. A value that serde cannot write is refused
    /// when the event is published.
    #[must_use]
    pub fn data<T: Serialize + ?Sized>(mut self, variables: &T) -> Self {
        self.payload.template_variables = Json::of("template_variables", variables);
        self
    }

    /// By which channels: `email` unless set.
    #[must_use]
    pub fn channels<I>(mut self, channels: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.payload.channels = channels.into_iter().map(Into::into).collect();
        self
    }

    /// The time (RFC 3339) before which the consumer should tell nobody. The library delays nothing: the event is sent at once, and the
    /// consumer that notifies must wait. The text is not checked.
    #[must_use]
    pub fn delivery_time(mut self, time: impl Into<String>) -> Self {
        self.payload.delivery_time = Some(time.into());
        self
    }

    /// The time (RFC 3339) after which the consumer should tell nobody any more. The library drops nothing: an event that is late is
    /// delivered all the same. The text is not checked.
    #[must_use]
    pub fn expiry_time(mut self, time: impl Into<String>) -> Self {
        self.payload.expiry_time = Some(time.into());
        self
    }

    /// The recipient's next step: its address, and the words on the button.
    #[must_use]
    pub fn action(mut self, url: impl Into<String>, label: impl Into<String>) -> Self {
        self.payload.action_url = Some(url.into());
        self.payload.action_label = Some(label.into());
        self
    }

    /// References of attachments; never their content.
    #[must_use]
    pub fn attachments<I>(mut self, attachments: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.payload.attachments = attachments.into_iter().map(Into::into).collect();
        self
    }

    /// The urgency for consumers; `normal` unless set. It does not change the order in which events are sent.
    #[must_use]
    pub fn priority(mut self, priority: EventPriority) -> Self {
        self.priority = priority;
        self
    }
}

//! An event's data: a value becomes JSON here and nowhere else, whether a builder was given it or an annotated method.
//!
//! A value that serde cannot write stays in the event as its fault, and publishing answers it. So a chain of a builder's
//! methods has no `?` in its middle.

use std::fmt;

use serde::Serialize;
use serde::ser::Error as _;
use serde_json::value::RawValue;

use super::Event;
use super::serializer;
use crate::{EventError, error::OneLine};

/// A part of a payload, written as JSON once and carried as text from then on; an empty object until it is set.
#[derive(Clone, Default)]
pub struct Json(Content);

#[derive(Clone, Default)]
enum Content {
    #[default]
    Empty,
    Text(String),
    Unwritable(Box<Fault>),
}

/// The fault of a value that serde could not write. Events are `Clone` and serde's error is not, so its text is kept.
#[derive(Debug, Clone)]
struct Fault {
    field: String,
    reason: String,
}

impl Json {
    /// The JSON of `value`, or its fault under the name of the field.
    pub(crate) fn of<T: Serialize + ?Sized>(field: &str, value: &T) -> Self {
        let mut text = String::with_capacity(USUAL_BYTES);
        match serializer::append(&mut text, value) {
            Ok(()) => Self(Content::Text(text)),
            Err(error) => Fault::new(field, &error).into(),
        }
    }

    /// The JSON. A value that could not be written has none: it stands in for nothing, because its event is refused.
    pub(crate) fn text(&self) -> &str {
        match &self.0 {
            Content::Text(text) => text,
            Content::Empty | Content::Unwritable(_) => "{}",
        }
    }

    /// The JSON, where there is no fault in it.
    pub(crate) fn written(self) -> Option<Self> {
        self.fault().is_none().then_some(self)
    }

    fn fault(&self) -> Option<&Fault> {
        match &self.0 {
            Content::Unwritable(fault) => Some(fault),
            Content::Empty | Content::Text(_) => None,
        }
    }
}

impl Event {
    /// The error of the first part of this event that serde could not write. It names the event too: in a batch, the part
    /// alone would not tell which event it belongs to.
    pub(crate) fn unwritable(&self) -> Option<EventError> {
        let fault = match self {
            Self::Audit(event) => {
                let payload = &event.payload;
                [payload.previous_state.as_ref(), payload.new_state.as_ref()]
                    .into_iter()
                    .flatten()
                    .chain([&payload.operation_details, &payload.security_context])
                    .find_map(Json::fault)
            }
            Self::Domain(event) => {
                [&event.payload.event_data, &event.payload.business_context].into_iter().find_map(Json::fault)
            }
            Self::Notification(event) => event.payload.template_variables.fault(),
            Self::Custom(event) => event.payload.fault(),
        }?;
        let reason = format!("{} (event `{}`)", fault.reason, OneLine(self.event_type()));
        Some(EventError::Serialize { field: fault.field.clone(), source: serde_json::Error::custom(reason) })
    }
}

impl Fault {
    fn new(field: &str, error: &serde_json::Error) -> Self {
        Self { field: field.to_owned(), reason: error.to_string() }
    }
}

impl From<Fault> for Json {
    fn from(fault: Fault) -> Self {
        Self(Content::Unwritable(Box::new(fault)))
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(Content::Text(Box::<str>::from(raw).into()))
    }
}

/// Leaves the data out: it may be personal, and `Debug` ends up in logs. The text of a fault stays out too, since a
/// `Serialize` of the service's own wrote it.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Empty => f.write_str("2 bytes of JSON"),
            Content::Text(text) => write!(f, "{} bytes of JSON", text.len()),
            Content::Unwritable(_) => f.write_str("a value that cannot be written as JSON"),
        }
    }
}

/// A value that an attribute can publish as data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published as data",
    label = "is not `Serialize`",
    note = "add `#[derive(serde::Serialize)]` to `{Self}`, or name the fields that are to be published"
)]
pub trait EventData {
    #[doc(hidden)]
    fn append(&self, to: &mut String) -> Result<(), serde_json::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> EventData for T {
    fn append(&self, to: &mut String) -> Result<(), serde_json::Error> {
        serializer::append(to, self)
    }
}

/// Room for the data of most events.
const USUAL_BYTES: usize = 512;

/// The data that an annotated method names, taken field by field before the body may move its arguments.
pub struct Data {
    text: String,
    is_object: bool,
    fault: Option<Fault>,
}

impl Data {
    /// An object, field by field.
    #[must_use]
    pub fn object() -> Self {
        let mut text = String::with_capacity(USUAL_BYTES);
        text.push('{');
        Self { text, is_object: true, fault: None }
    }

    /// The one field is the data itself.
    #[must_use]
    pub fn whole() -> Self {
        Self { text: String::with_capacity(USUAL_BYTES), is_object: false, fault: None }
    }

    /// Adds a field. A value that cannot be written is the event's error, later.
    #[must_use]
    pub fn field<T: EventData + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        self.name(name);
        if self.fault.is_none()
            && let Err(error) = value.append(&mut self.text)
        {
            self.fault = Some(Fault::new(name, &error));
        }
        self
    }

    /// Adds a field that this outcome has no value for: `null`. Data as a whole stays an empty object.
    #[must_use]
    pub fn absent(mut self, name: &'static str) -> Self {
        if self.is_object {
            self.name(name);
            self.text.push_str("null");
        } else {
            self.text.push_str("{}");
        }
        self
    }

    /// The fields taken so far, for the record of a failure; none where one could not be written.
    #[must_use]
    pub fn copy(&self) -> Self {
        let text = if self.fault.is_none() { self.text.clone() } else { "{".to_owned() };
        Self { text, is_object: self.is_object || self.fault.is_some(), fault: None }
    }

    fn name(&mut self, name: &str) {
        if !self.is_object || self.fault.is_some() {
            return;
        }
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push('"');
        // A Rust identifier: nothing in it needs escaping.
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    pub(crate) fn finish(mut self) -> Json {
        if let Some(fault) = self.fault {
            return fault.into();
        }
        if self.is_object {
            self.text.push('}');
        }
        // Each part is JSON: a serializer wrote the values, and the names are Rust identifiers. So nothing is read again.
        Json(Content::Text(self.text))
    }
}

/// Leaves the data out, as `Json` does.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of JSON", self.text.len())
    }
}

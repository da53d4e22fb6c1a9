//! Ids and data, taken from the arguments before the body may move them.

use std::fmt::Display;

use serde::Serialize;
#[cfg(feature = "_envelope")]
use serde_json::value::RawValue;

#[cfg(feature = "_envelope")]
use crate::event::Json;
use crate::{
    EventError,
    event::texts::{LONGEST_ERROR, bounded},
};

/// Types that an id can be made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an id",
    label = "names a value that has no text (`Display`)",
    note = "name the part of it that identifies, for example \"user.id\"; take an `Option` apart before the method is called"
)]
pub trait EventId {
    fn text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> EventId for T {
    fn text(&self) -> String {
        self.to_string()
    }
}

/// The text of an id.
pub fn id<T: EventId + ?Sized>(value: &T) -> String {
    value.text()
}

/// Types that a text of an event can be made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a text of an event",
    label = "has no text (`Display`)",
    note = "write a text, or an expression whose value has `Display`"
)]
pub trait EventText {
    fn text(&self) -> String;
    fn bounded_text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> EventText for T {
    fn text(&self) -> String {
        self.to_string()
    }
    fn bounded_text(&self) -> String {
        bounded(self, LONGEST_ERROR)
    }
}

/// A text of an event.
pub fn text<T: EventText + ?Sized>(value: &T) -> String {
    value.text()
}

/// Error types that describe a failure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot describe a failure",
    label = "the error type has no `Display`",
    note = "implement `Display` for `{Self}`; or write `error = \"omit\"`, or `error =` with an expression that has `Display`"
)]
pub trait ErrorText {
    fn text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> ErrorText for T {
    fn text(&self) -> String {
        bounded(self, LONGEST_ERROR)
    }
}

/// The text of an error. It is cut to a limit, because a caller may decide its length.
pub fn error_text<T: ErrorText + ?Sized>(error: &T) -> String {
    error.text()
}

/// The text of `error` or `error_code`, cut like the error's own text.
pub fn failure_text<T: EventText + ?Sized>(value: &T) -> String {
    value.bounded_text()
}

/// Types that data can be made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published as data",
    label = "is not `Serialize`",
    note = "add `#[derive(serde::Serialize)]` to `{Self}`, or name the fields that are to be published"
)]
pub trait EventData {
    fn append(&self, to: &mut Vec<u8>) -> Result<(), serde_json::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> EventData for T {
    fn append(&self, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(to, self)
    }
}

/// Data of an event: owned text, or the first error of a field.
#[derive(Debug)]
pub struct Data {
    text: Vec<u8>,
    is_object: bool,
    failed: Option<EventError>,
}

impl Data {
    /// An object, field by field.
    #[must_use]
    pub fn object() -> Self {
        Self { text: vec![b'{'], is_object: true, failed: None }
    }

    /// A single field that is the data itself.
    #[must_use]
    pub fn whole() -> Self {
        Self { text: Vec::new(), is_object: false, failed: None }
    }

    /// Adds a field. A value that cannot be written becomes the event's error in `finish`.
    #[must_use]
    pub fn field<T: EventData + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        self.name(name);
        if self.failed.is_none()
            && let Err(source) = value.append(&mut self.text)
        {
            self.failed = Some(EventError::Serialize { field: name.to_owned(), source });
        }
        self
    }

    /// Adds a field without a value in this outcome: `null`. Data as a whole becomes an empty object.
    #[must_use]
    pub fn absent(mut self, name: &'static str) -> Self {
        if self.is_object {
            self.name(name);
            self.text.extend_from_slice(b"null");
        } else {
            self.text.extend_from_slice(b"{}");
        }
        self
    }

    /// A copy for the failure event. It is empty if a field could not be written.
    #[must_use]
    pub fn copy(&self) -> Self {
        let text = if self.failed.is_none() { self.text.clone() } else { b"{".to_vec() };
        Self { text, is_object: self.is_object || self.failed.is_some(), failed: None }
    }

    fn name(&mut self, name: &str) {
        if !self.is_object || self.failed.is_some() {
            return;
        }
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        self.text.push(b'"');
        // The name is a Rust identifier, so nothing in it needs escaping.
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
    }

    #[cfg(feature = "_envelope")]
    pub(crate) fn finish(mut self) -> Result<Json, EventError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.is_object {
            self.text.push(b'}');
        }
        let not_json = |source| EventError::Serialize { field: "data".to_owned(), source };
        let text = String::from_utf8(self.text)
            .map_err(|error| not_json(<serde_json::Error as serde::ser::Error>::custom(error)))?;
        RawValue::from_string(text).map(Json::from).map_err(not_json)
    }
}

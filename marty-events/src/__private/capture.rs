//! Ids and data, taken from the arguments before the body may move them.

use std::fmt::Display;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{EventError, event::Json};

/// What an id can be made of.
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

/// What data can be made of.
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

/// Data under way to an event: owned text, or the first mistake.
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

    /// The one field is the data itself.
    #[must_use]
    pub fn whole() -> Self {
        Self { text: Vec::new(), is_object: false, failed: None }
    }

    /// Adds a field. A value that cannot be written is the event's error, later.
    #[must_use]
    pub fn field<T: EventData + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        if self.failed.is_some() {
            return self;
        }
        if self.is_object {
            if self.text.len() > 1 {
                self.text.push(b',');
            }
            self.text.push(b'"');
            // A Rust identifier: nothing in it needs escaping.
            self.text.extend_from_slice(name.as_bytes());
            self.text.extend_from_slice(b"\":");
        }
        if let Err(source) = value.append(&mut self.text) {
            self.failed = Some(EventError::Serialize { field: name.to_owned(), source });
        }
        self
    }

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

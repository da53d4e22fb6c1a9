use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::EventError;

/// A part of a payload, written as JSON once and carried as text from then on; an empty object until it is set.
#[derive(Clone, Default)]
pub struct Json(Option<Box<RawValue>>);

impl Json {
    pub(crate) fn of<T: Serialize + ?Sized>(field: &str, value: &T) -> Result<Self, EventError> {
        match serde_json::value::to_raw_value(value) {
            Ok(raw) => Ok(Self(Some(raw))),
            Err(source) => Err(EventError::Serialize { field: field.to_owned(), source }),
        }
    }

    /// The JSON, where it was set.
    #[cfg(feature = "_envelope")]
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref().map(RawValue::get)
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(Some(raw))
    }
}

/// Leaves the data out: it may be personal, and `Debug` ends up in logs.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of JSON", self.0.as_ref().map_or(2, |raw| raw.get().len()))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(raw) => raw.serialize(serializer),
            None => serializer.serialize_map(Some(0))?.end(),
        }
    }
}

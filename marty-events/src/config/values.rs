//! Values before they are checked, and values that must not be shown.

use std::{collections::BTreeMap, ffi::OsString, fmt};

/// Variables and their texts, from the environment or a builder.
#[derive(Clone, Default)]
pub(super) struct Values {
    texts: BTreeMap<String, String>,
    /// Variables whose value is not UTF-8.
    garbled: Vec<String>,
}

impl Values {
    pub(super) fn from_environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut values = Self::default();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(text) => drop(values.texts.insert(name, text)),
                Err(_) => values.garbled.push(name),
            }
        }
        values
    }

    pub(super) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.texts.insert(name.into(), value.into());
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    pub(super) fn is_garbled(&self, name: &str) -> bool {
        self.garbled.iter().any(|garbled| garbled == name)
    }

    /// The rests of the variables' names that begin with `prefix`.
    pub(super) fn beginning(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.texts.keys().chain(&self.garbled).filter_map(move |name| name.strip_prefix(prefix))
    }
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

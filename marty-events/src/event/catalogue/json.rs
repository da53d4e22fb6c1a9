//! The file of a catalogue.

use super::{
    error::CatalogueError,
    model::{Catalogue, VERSION},
};

impl Catalogue {
    /// The catalogue as JSON: sorted, indented, one newline at the end. Equal catalogues have equal texts.
    #[must_use]
    pub fn to_json(&self) -> String {
        // By way of a value, whose objects are sorted. Texts, numbers and values always have a JSON form.
        let mut text =
            serde_json::to_value(self).and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads [`to_json`](Self::to_json)'s text.
    pub fn from_json(text: &str) -> Result<Self, CatalogueError> {
        let catalogue: Self = serde_json::from_str(text).map_err(CatalogueError::Malformed)?;
        if catalogue.catalogue_version != VERSION {
            return Err(CatalogueError::Version { found: catalogue.catalogue_version, readable: VERSION });
        }
        Ok(catalogue)
    }
}

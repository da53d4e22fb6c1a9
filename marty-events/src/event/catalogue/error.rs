use std::io;

/// The reason why a catalogue cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The binary holds no description of an event.
    #[error(
        "the catalogue is empty: no crate with event attributes is linked into this binary; write `use the_crate as _;` in it"
    )]
    Empty,
    /// The text is not a catalogue.
    #[error("this is not a catalogue of events")]
    Malformed(#[source] serde_json::Error),
    /// Another version of this library wrote the catalogue.
    #[error("the catalogue has version {found}, and this library reads {readable}")]
    Version {
        /// The version of the file.
        found: u32,
        /// The version that this library reads.
        readable: u32,
    },
    /// The file cannot be read or written.
    #[error("the file `{path}` cannot be used")]
    File {
        /// The file's path.
        path: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

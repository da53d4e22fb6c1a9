//! Configuration: where it comes from, and what is wrong with it.

/// Everything that is wrong with a configuration, all at once.
#[derive(Debug, thiserror::Error)]
#[error("configuration")]
pub struct ConfigError;

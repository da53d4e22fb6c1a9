//! A database where none is built in.

/// Private, so that no pool and no connection of it exists.
#[derive(Debug, Clone)]
pub struct NoDatabase(());

//! The commands, one file or folder each.

pub(crate) mod catalogue;
pub(crate) mod cleanup;
pub(crate) mod completions;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod manual;
pub(crate) mod migrate;
pub(crate) mod relay;
pub(crate) mod relay_settings;
pub(crate) mod replay;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod topics;

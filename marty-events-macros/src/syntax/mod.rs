//! Syntax that is shared by all event macros: the arguments in the parentheses, and expressions of the user's in them.
//!
//! Nothing here knows the item below the attribute.

pub(crate) mod args;
pub(crate) mod crate_path;
pub(crate) mod documentation;
pub(crate) mod expression;
pub(crate) mod identifier;
pub(crate) mod kind;
pub(crate) mod mistakes;
pub(crate) mod path;
pub(crate) mod suggest;
pub(crate) mod topic;

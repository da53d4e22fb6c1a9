//! A type without mistakes. Expansion takes this model and cannot fail.

use syn::{Generics, Ident, LitInt, LitStr, Path, Type};

use crate::syntax::kind::Kind;

pub(crate) struct Model {
    pub(crate) kind: Kind,
    pub(crate) krate: Path,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) service: Option<LitStr>,
    /// The aggregate's type, or the topic of a custom event.
    pub(crate) subject: LitStr,
    /// `None` stands for 1.
    pub(crate) version: Option<LitInt>,
    pub(crate) from: Option<Type>,
    pub(crate) schema_version: Option<LitStr>,
    /// The first paragraph of the doc comment.
    pub(crate) documentation: String,
    /// One for a struct, else one a variant.
    pub(crate) shapes: Vec<Shape>,
}

/// A struct, or a variant of an enum.
pub(crate) struct Shape {
    /// `None` for a struct.
    pub(crate) variant: Option<Ident>,
    pub(crate) event_type: LitStr,
    pub(crate) schema_url: Option<LitStr>,
    /// The field with the id. A custom event may have none.
    pub(crate) id: Option<Ident>,
    /// The first paragraph of the variant's doc comment.
    pub(crate) documentation: String,
}

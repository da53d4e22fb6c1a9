//! Names that an attribute's expressions may use.

use proc_macro2::Span;
use syn::Path;

use crate::{
    method::signature::{Binding, Method},
    syntax::identifier::plain,
};

/// Names of the method, and the path of the library.
pub(super) struct Scope<'a> {
    pub(super) bindings: &'a [Binding],
    pub(super) method: &'a Method,
    pub(super) krate: &'a Path,
}

/// A mistake if an argument has the name too: the expression could mean either.
pub(super) fn not_an_argument(name: &str, span: Span, scope: &Scope<'_>) -> syn::Result<()> {
    if !scope.bindings.iter().any(|binding| plain(&binding.name) == name) {
        return Ok(());
    }
    let means = if name == "result" { "the value in `Ok`" } else { "the error" };
    let message = format!("`{name}` is {means} here, and an argument has the same name; rename the argument");
    Err(syn::Error::new(span, message))
}

//! Event attributes on async functions and methods.
//!
//! parse ([`signature`]) -> [`validate`] -> [`model`] -> [`expand`], which cannot fail; or [`fallback`] for a mistake.

mod async_shape;
mod expand;
mod fallback;
mod model;
mod signature;
mod validate;

use proc_macro2::TokenStream;

use crate::syntax::kind::Kind;

/// Expands one attribute, together with the other event attributes of the same function.
pub(crate) fn attribute(kind: Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    if args.to_string() == fallback::ABSORBED {
        return item;
    }
    match validate::model(kind, args, item.clone()) {
        Ok(model) => expand::expand(&model),
        Err(errors) => fallback::fallback(&errors, item),
    }
}

//! `#[derive(DomainEvent)]`, `#[derive(CustomEvent)]`: an event with a type of its own.
//!
//! parse ([`keys`]) -> [`validate`] -> [`model`] -> [`expand`], which cannot fail; or all the mistakes.

mod expand;
mod keys;
mod model;
mod validate;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::syntax::kind::Kind;

/// Expands one derive. The kind is [`Kind::Domain`] or [`Kind::Custom`].
pub(crate) fn derive(kind: Kind, item: TokenStream) -> TokenStream {
    let model = syn::parse2::<DeriveInput>(item).and_then(|input| validate::model(kind, input));
    model.map_or_else(|errors| errors.to_compile_error(), |model| expand::expand(&model))
}

/// The name of the derive.
fn name(kind: Kind) -> &'static str {
    if kind == Kind::Custom { "CustomEvent" } else { "DomainEvent" }
}

//! Output for a mistake: the errors, and the user's item without its event attributes. So an editor still completes in
//! the item, and nothing else is reported.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Attribute, Ident};

use super::signature::Method;
use crate::syntax::kind::Kind;

/// Argument of an absorbed attribute: one that an attribute above it has read already. It expands to nothing more. Its
/// name stays in use, so the compiler does not report an unused import.
pub(crate) const ABSORBED: &str = "__absorbed";

/// Remains of absorbed attributes: the path with [`ABSORBED`].
pub(crate) fn absorbed(attributes: &[(Kind, Attribute)]) -> TokenStream {
    let argument = Ident::new(ABSORBED, Span::call_site());
    attributes
        .iter()
        .map(|(_, attribute)| {
            let path = attribute.path();
            quote!(#[#path(#argument)])
        })
        .collect()
}

pub(crate) fn fallback(errors: &syn::Error, item: TokenStream) -> TokenStream {
    let errors = errors.to_compile_error();
    let item = match syn::parse2::<Method>(item.clone()) {
        Ok(mut method) => {
            let absorbed = absorbed(&method.take_event_attributes());
            quote!(#absorbed #method)
        }
        Err(_) => item,
    };
    quote!(#item #errors)
}

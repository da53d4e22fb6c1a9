//! What is emitted for a mistake: the errors, and the user's item as if the attributes were not there.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Attribute, Ident};

use super::signature::Method;
use crate::syntax::kind::Kind;

/// The argument that stays on an attribute which another one above it has read already: the attribute does nothing more,
/// but its name is still used, so that its import is no unused one.
pub(crate) const ABSORBED: &str = "__absorbed";

/// What is left of absorbed attributes.
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

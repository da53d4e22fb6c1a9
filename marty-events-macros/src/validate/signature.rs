//! Rules about the function.

use proc_macro2::TokenStream;
use syn::{Attribute, spanned::Spanned};

use crate::{async_shape::Shape, method::Method};

/// The body, and the `#![..]` that it begins with.
pub(super) fn shape(method: &Method) -> syn::Result<(Vec<Attribute>, Shape)> {
    let (attributes, statements) = statements(method)?;
    let shape = Shape::of(method, statements).ok_or_else(|| {
        let message = "an event is published when an async function has completed, and this one is not async; write `async fn`, \
                       or end the function with `Box::pin(async move { .. })` or `async move { .. }`";
        syn::Error::new(method.signature.fn_token.span(), message)
    })?;
    Ok((attributes, shape))
}

fn statements(method: &Method) -> syn::Result<(Vec<Attribute>, TokenStream)> {
    method.statements().ok_or_else(|| {
        let message = "this method has no body to wait for; put the attribute on the implementation";
        syn::Error::new(method.signature.ident.span(), message)
    })
}

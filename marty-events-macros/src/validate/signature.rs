//! Rules about the function.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;

use crate::method::Method;

pub(super) fn is_async(method: &Method) -> syn::Result<()> {
    if method.signature.asyncness.is_some() {
        return Ok(());
    }
    let message =
        "an event is published when an async function has completed, and this one is not async; write `async fn`";
    Err(syn::Error::new(method.signature.fn_token.span(), message))
}

pub(super) fn body(method: &Method) -> syn::Result<TokenStream> {
    method.statements().ok_or_else(|| {
        let message = "this method has no body to wait for; put the attribute on the implementation";
        syn::Error::new(method.signature.ident.span(), message)
    })
}

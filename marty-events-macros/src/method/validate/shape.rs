//! Rules about the function.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, spanned::Spanned};

use crate::method::{async_shape::Shape, signature::Method};

/// The body, and the `#![..]` that it begins with.
pub(super) fn shape(method: &Method) -> syn::Result<(Vec<Attribute>, Shape)> {
    let (attributes, statements) = statements(method)?;
    let shape = Shape::of(method, statements).ok_or_else(|| {
        let message = if blocks(&method.body) {
            "this function is not async any more: an attribute above, such as `#[tokio::main]` or `#[tokio::test]`, has made \
             it wait for its body; put the event attribute above that one"
        } else {
            "an event is published when an async function has completed, and this one is not async; write `async fn`, \
             or end the function with `Box::pin(async move { .. })` or `async move { .. }`"
        };
        syn::Error::new(method.signature.fn_token.span(), message)
    })?;
    Ok((attributes, shape))
}

/// True if the function starts a runtime and blocks on it, as `#[tokio::main]` and its like make it do.
fn blocks(body: &TokenTree) -> bool {
    match body {
        TokenTree::Group(group) => group.stream().into_iter().any(|token| blocks(&token)),
        TokenTree::Ident(name) => ["block_on", "test_block_on", "run_test"].iter().any(|call| name == call),
        _ => false,
    }
}

fn statements(method: &Method) -> syn::Result<(Vec<Attribute>, TokenStream)> {
    method.statements().ok_or_else(|| {
        let message = "this method has no body to wait for; put the attribute on the implementation";
        syn::Error::new(method.signature.ident.span(), message)
    })
}

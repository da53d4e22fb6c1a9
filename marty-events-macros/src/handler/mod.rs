//! `#[event_handlers]` on an `impl` block, and `#[event_handler(..)]` on its methods.
//!
//! parse ([`block`], [`keys`]) -> [`validate`] -> [`model`] -> [`expand`], which cannot fail; or [`block`] with all the mistakes.

mod block;
mod expand;
mod keys;
mod model;
mod validate;

use proc_macro2::{Span, TokenStream};
use quote::quote;

/// The attribute on a method.
pub(crate) const METHOD: &str = "event_handler";

/// Expands the attribute on an `impl` block.
pub(crate) fn event_handlers(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut block = match block::Block::read(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            let error = error.to_compile_error();
            return quote!(#item #error);
        }
    };
    match validate::model(args, &mut block) {
        Ok(model) => {
            let implementation = expand::expand(&model);
            let item = &block.item;
            quote!(#item #implementation)
        }
        Err(errors) => block.with_mistakes(&errors),
    }
}

/// The attribute on a method is taken away by the one on its block. So one that is expanded stands outside.
pub(crate) fn event_handler(item: &TokenStream) -> TokenStream {
    let message = "`event_handler` stands on a method of a block with `event_handlers`; write `#[event_handlers]` above the `impl` block";
    let error = syn::Error::new(Span::call_site(), message).to_compile_error();
    quote!(#item #error)
}

//! The `impl` block as it was written.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, ImplItem, Item, ItemImpl, Signature, parse_quote};

use super::METHOD;

/// A block whose methods have lost their `#[event_handler]`.
pub(super) struct Block {
    pub(super) item: ItemImpl,
    pub(super) methods: Vec<Method>,
}

/// A method with `#[event_handler]`.
pub(super) struct Method {
    /// One at the least.
    pub(super) attributes: Vec<Attribute>,
    /// `#[cfg(..)]` of the method.
    pub(super) conditions: Vec<Attribute>,
    pub(super) signature: Signature,
}

impl Block {
    pub(super) fn read(item: TokenStream) -> syn::Result<Self> {
        let mut item = match syn::parse2::<Item>(item)? {
            Item::Impl(item) => item,
            other => {
                let message =
                    "`event_handlers` stands on an `impl` block; write it above the block that has the handlers";
                return Err(syn::Error::new_spanned(head(&other), message));
            }
        };
        let mut methods = Vec::new();
        for member in &mut item.items {
            let ImplItem::Fn(function) = member else { continue };
            let (attributes, others) = std::mem::take(&mut function.attrs).into_iter().partition(is_ours);
            function.attrs = others;
            let attributes: Vec<Attribute> = attributes;
            if !attributes.is_empty() {
                let conditions = function.attrs.iter().filter(|other| other.path().is_ident("cfg")).cloned().collect();
                methods.push(Method { attributes, conditions, signature: function.sig.clone() });
            }
        }
        Ok(Self { item, methods })
    }

    /// The block and the errors. An implementation without handlers stands for the one that is missing, so that its users report nothing.
    pub(super) fn with_mistakes(&self, errors: &syn::Error) -> TokenStream {
        let (item, errors) = (&self.item, errors.to_compile_error());
        if item.trait_.is_some() {
            return quote!(#item #errors);
        }
        let mut generics = item.generics.clone();
        generics.params.push(parse_quote!(__Database: ::marty_events::__private::handler::Database));
        let (own, conditions) = (&item.self_ty, &item.generics.where_clause);
        let (parameters, _, _) = generics.split_for_impl();
        let bounds = conditions.as_ref().map(|clause| clause.predicates.iter());
        let bounds = bounds.into_iter().flatten();
        quote! {
            #item
            #errors
            #[automatically_derived]
            impl #parameters ::marty_events::__private::handler::EventHandlers<__Database> for #own
            where
                Self: ::core::marker::Send + ::core::marker::Sync + 'static,
                #(#bounds,)*
            {
                const HANDLERS: &'static [::marty_events::__private::handler::HandlerDescription] = &[];

                fn call<'__call>(
                    &'__call self,
                    _: usize,
                    _: &'__call mut ::marty_events::__private::handler::Unit<__Database>,
                    _: ::std::vec::Vec<::marty_events::__private::handler::Incoming>,
                ) -> ::marty_events::__private::handler::HandlerFuture<'__call> {
                    ::marty_events::__private::handler::no_handler()
                }
            }
        }
    }
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == METHOD)
}

/// The name of an item, for the place of an error; the item itself where it has none.
fn head(item: &Item) -> TokenStream {
    match item {
        Item::Struct(item) => item.ident.to_token_stream(),
        Item::Enum(item) => item.ident.to_token_stream(),
        Item::Fn(item) => item.sig.ident.to_token_stream(),
        Item::Mod(item) => item.ident.to_token_stream(),
        Item::Trait(item) => item.ident.to_token_stream(),
        other => other.to_token_stream(),
    }
}

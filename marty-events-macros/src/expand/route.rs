//! The handle, found by the type of an argument: what is kept of each, lent to the body, and chosen afterwards.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, Ident, Type, spanned::Spanned};

use crate::{
    method::mentions_impl,
    model::{Argument, Binding, Handle, Hidden, HiddenBy, Model},
};

#[derive(Default)]
pub(super) struct Route {
    /// Before the body.
    pub(super) keep: TokenStream,
    /// Around the body.
    pub(super) lend: TokenStream,
    /// After the body: makes `__handle`.
    pub(super) select: TokenStream,
}

pub(super) fn route(model: &Model, private: &TokenStream) -> Route {
    let mixed = Span::mixed_site();
    let mut route = match &model.handle {
        Handle::ByType { arguments, receiver, unnamed, hidden } => {
            let mut route = by_type(arguments, receiver.as_ref(), unnamed, private);
            self::hidden(&mut route, hidden, private);
            route
        }
        Handle::Argument { name, is_mutable } => argument(name, *is_mutable, private),
        Handle::Place(place) => self::place(place, private),
        Handle::None => {
            Route { select: quote_spanned!(mixed=> let __handle = #private::select::Absent;), ..Route::default() }
        }
    };
    let demands =
        [(model.outbox_demanded, "demanded"), (model.delivery_demanded, "stated"), (model.logging_demanded, "may_log")];
    for (at, check) in demands {
        if let Some(span) = at {
            let check = Ident::new(check, span.resolved_at(mixed));
            route.select.extend(quote_spanned!(span.resolved_at(mixed)=> #private::select::#check(&__handle);));
        }
    }
    route
}

/// What the body takes by value.
pub(super) fn take(bindings: &[Binding]) -> TokenStream {
    let takes = bindings.iter().map(|binding| {
        let (name, conditions) = (&binding.name, &binding.conditions);
        quote_spanned! {Span::mixed_site()=>
            #(#conditions)*
            #[allow(
                clippy::redundant_locals,
                clippy::shadow_same,
                clippy::let_unit_value,
                clippy::used_underscore_binding,
                clippy::no_effect_underscore_binding
            )]
            let #name = #name;
        }
    });
    takes.collect()
}

/// The place stays the method's: the body borrows it.
fn place(place: &Expr, private: &TokenStream) -> Route {
    let span = place.span().resolved_at(Span::mixed_site());
    let is_receiver = matches!(place, Expr::Path(path) if path.path.is_ident("self"));
    let borrowed = if is_receiver { quote_spanned!(span=> &mut *#place) } else { quote_spanned!(span=> &mut #place) };
    // By two statements, so that a place that is a call lives on.
    let select = quote_spanned!(span=> let __place = #borrowed; let __handle = #private::select::named(__place););
    Route { select, ..Route::default() }
}

fn argument(name: &Ident, is_mutable: bool, private: &TokenStream) -> Route {
    let span = name.span().resolved_at(Span::mixed_site());
    Route {
        keep: quote_spanned!(span=> let mut __kept = #private::select::named(#name);),
        lend: lend(name, is_mutable, &quote_spanned!(span=> __kept.lend(()))),
        select: quote_spanned!(span=> let __handle = __kept;),
    }
}

fn by_type(
    arguments: &[Argument],
    receiver: Option<&(TokenStream, Span)>,
    unnamed: &[(Type, Vec<Attribute>)],
    private: &TokenStream,
) -> Route {
    let mixed = Span::mixed_site();
    let mut route =
        Route { select: quote_spanned!(mixed=> let __handle = #private::select::Absent;), ..Route::default() };
    if let Some((ty, span)) = receiver {
        let span = span.resolved_at(mixed);
        let tag = tag(&quote_spanned!(span=> #private::probe::Probe::<#ty>::new()), span, private);
        route.keep.extend(quote_spanned!(span=> let __receiver = #tag.not_a_receiver();));
        route.select.extend(quote_spanned!(span=> let __handle = #private::select::or(__handle, __receiver);));
    }
    for (place, argument) in arguments.iter().enumerate() {
        by_argument(&mut route, place, argument, private);
    }
    for (_, conditions) in unnamed {
        route.select.extend(quote_spanned! {mixed=>
            #(#conditions)*
            let __handle = #private::select::or(__handle, #private::select::Opaque);
        });
    }
    let is_in_doubt = |argument: &&Argument| argument.is_opaque || argument.resembles_handle;
    let doubted = arguments.iter().filter(is_in_doubt).map(|argument| &argument.ty);
    if let Some(ty) = doubted.chain(unnamed.iter().map(|(ty, _)| ty)).next() {
        let span = ty.span().resolved_at(mixed);
        route.select.extend(quote_spanned!(span=> #private::select::seen(&__handle);));
    }
    route
}

/// Asks the types at run time, where no argument is a handle.
fn hidden(route: &mut Route, hidden: &[Hidden], private: &TokenStream) {
    let mut before = TokenStream::new();
    for (place, Hidden { by, conditions }) in hidden.iter().enumerate() {
        let span = by.span().resolved_at(Span::mixed_site());
        let ask = match by {
            HiddenBy::Type(ty) => quote_spanned!(span=> #private::probe::hidden_handle::<#ty>),
            HiddenBy::Associate(ty) => quote_spanned!(span=> #private::probe::hidden_associate::<#ty>),
            HiddenBy::Receiver(_) => quote_spanned!(span=> #private::probe::hidden_in_receiver::<Self>),
            HiddenBy::Impl { argument, .. } => {
                let hidden = format_ident!("__hidden{place}", span = span);
                before.extend(quote_spanned! {span=>
                    #(#conditions)*
                    #[allow(clippy::used_underscore_binding)]
                    let #hidden = #private::probe::hidden_in(&#argument);
                });
                hidden.into_token_stream()
            }
        };
        route.select.extend(quote_spanned! {span=>
            #(#conditions)*
            let __handle = #private::select::doubt(__handle, #ask);
        });
    }
    before.extend(std::mem::take(&mut route.keep));
    route.keep = before;
}

fn by_argument(route: &mut Route, place: usize, argument: &Argument, private: &TokenStream) {
    // Shown at the user's type, resolved at the macro.
    let span = argument.ty.span().resolved_at(Span::mixed_site());
    let kept = format_ident!("__kept{place}", span = span);
    let lent = format_ident!("__lent{place}", span = span);
    let (name, ty, conditions) = (&argument.name, &argument.ty, argument.conditions.as_slice());
    // `&name` would keep a by-value argument alive in the future, so the type is named where it can be.
    let probe = if argument.is_mut_ref || mentions_impl(ty) {
        quote_spanned!(span=> #private::probe::Probe::of(&#name))
    } else {
        quote_spanned!(span=> #private::probe::Probe::<#ty>::new())
    };
    let tag = tag(&probe, span, private);
    let mut lend_as = |value: TokenStream| {
        let binding = lend(name, argument.is_mutable, &value);
        route.lend.extend(quote!(#(#conditions)* #binding));
    };
    if argument.is_opaque {
        route.keep.extend(quote_spanned!(span=> #(#conditions)* let #kept = #private::select::Opaque;));
    } else if argument.is_mut_ref && argument.is_needed_later {
        lend_as(quote_spanned!(span=> &mut *#name));
        route.select.extend(quote_spanned!(span=> #(#conditions)* let #kept = #tag.held(&mut *#name);));
    } else if argument.is_mut_ref {
        let split = Ident::new(if argument.is_returned { "split_returned" } else { "split" }, span);
        lend_as(quote_spanned!(span=> #kept.lend(#lent)));
        route.keep.extend(quote_spanned! {span=>
            #(#conditions)*
            // The user's `_tx` is used here, and only here.
            #[allow(clippy::used_underscore_binding)]
            let (mut #kept, #lent) = #tag.#split(#name);
        });
    } else {
        let allowed = mentions_impl(ty).then(|| quote!(#[allow(clippy::used_underscore_binding)]));
        route.keep.extend(quote_spanned!(span=> #(#conditions)* #allowed let #kept = #tag.not_a_handle();));
    }
    if argument.resembles_handle && !argument.is_opaque {
        route.select.extend(quote_spanned!(span=> #(#conditions)* let #kept = #private::select::recognised(#kept);));
    }
    route.select.extend(quote_spanned! {span=>
        #(#conditions)*
        #private::select::beside(&__handle, &#kept);
        #(#conditions)*
        let __handle = #private::select::or(__handle, #kept);
    });
}

/// Asks the type what it is.
fn tag(probe: &TokenStream, span: Span, private: &TokenStream) -> TokenStream {
    quote_spanned! {span=> {
        #[allow(unused_imports)]
        use #private::probe::{
            RungForeign as _, RungForeignConnection as _, RungForeignOwned as _, RungHandle as _, RungOther as _,
            RungOwned as _, RungPoolConnection as _,
        };
        (&&&&&&#probe).tag()
    }}
}

fn lend(name: &Ident, is_mutable: bool, value: &TokenStream) -> TokenStream {
    let mutability = is_mutable.then(|| quote!(mut));
    quote_spanned! {Span::mixed_site()=>
        #[allow(clippy::shadow_unrelated, clippy::shadow_reuse, clippy::shadow_same, clippy::let_unit_value)]
        let #mutability #name = #value;
    }
}

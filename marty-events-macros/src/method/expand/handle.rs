//! The handle in generated code. Each argument is tagged and kept, lent to the body, and chosen or left after it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, Ident, Type, spanned::Spanned};

use crate::method::{
    model::{Argument, Handle, Hidden, HiddenBy, Model},
    signature::mentions_impl,
};

#[derive(Default)]
pub(super) struct HandleCode {
    /// Before the body.
    pub(super) keep: TokenStream,
    /// Around the body.
    pub(super) lend: TokenStream,
    /// After the body: makes `__handle`.
    pub(super) select: TokenStream,
}

pub(super) fn handle(model: &Model, private: &TokenStream) -> HandleCode {
    let mixed = Span::mixed_site();
    let mut code = match &model.handle {
        Handle::ByType { arguments, receiver, unnamed, hidden } => {
            let mut code = by_type(arguments, receiver.as_ref(), unnamed, private);
            self::hidden(&mut code, hidden, private);
            code
        }
        Handle::Argument { name, is_mutable } => argument(name, *is_mutable, private),
        Handle::Place(place) => self::place(place, private),
        Handle::None => HandleCode {
            select: quote_spanned!(mixed=> let __handle = #private::handle::Absent;),
            ..HandleCode::default()
        },
    };
    let demands =
        [(model.outbox_demanded, "demanded"), (model.delivery_demanded, "stated"), (model.logging_demanded, "may_log")];
    for (at, check) in demands {
        if let Some(span) = at {
            let check = Ident::new(check, span.resolved_at(mixed));
            code.select.extend(quote_spanned!(span.resolved_at(mixed)=> #private::handle::#check(&__handle);));
        }
    }
    code
}

/// The place stays the method's: the body borrows it.
fn place(place: &Expr, private: &TokenStream) -> HandleCode {
    let span = place.span().resolved_at(Span::mixed_site());
    let is_receiver = matches!(place, Expr::Path(path) if path.path.is_ident("self"));
    let borrowed = if is_receiver { quote_spanned!(span=> &mut *#place) } else { quote_spanned!(span=> &mut #place) };
    // Two statements keep the value of a place that is a call alive.
    let select = quote_spanned!(span=> let __place = #borrowed; let __handle = #private::handle::named(__place););
    HandleCode { select, ..HandleCode::default() }
}

fn argument(name: &Ident, is_mutable: bool, private: &TokenStream) -> HandleCode {
    let span = name.span().resolved_at(Span::mixed_site());
    HandleCode {
        keep: quote_spanned!(span=> let mut __kept = #private::handle::named(#name);),
        lend: lend(name, is_mutable, &quote_spanned!(span=> __kept.lend(()))),
        select: quote_spanned!(span=> let __handle = __kept;),
    }
}

fn by_type(
    arguments: &[Argument],
    receiver: Option<&(TokenStream, Span)>,
    unnamed: &[(Type, Vec<Attribute>)],
    private: &TokenStream,
) -> HandleCode {
    let mixed = Span::mixed_site();
    let mut code = HandleCode::default();
    // The first argument is chosen without a question, unless it may be configured away.
    if receiver.is_some() || arguments.first().is_none_or(|first| !first.conditions.is_empty()) {
        code.select = quote_spanned!(mixed=> let __handle = #private::handle::Absent;);
    }
    if let Some((ty, span)) = receiver {
        let span = span.resolved_at(mixed);
        let tag = tag(&quote_spanned!(span=> #private::handle::Probe::<#ty>::new()), span);
        code.keep.extend(quote_spanned!(span=> let __receiver = #tag.not_a_receiver();));
        code.select.extend(quote_spanned!(span=> let __handle = #private::handle::or(__handle, __receiver);));
    }
    for (index, argument) in arguments.iter().enumerate() {
        by_argument(&mut code, index, index == 0 && receiver.is_none(), argument, private);
    }
    for (_, conditions) in unnamed {
        code.select.extend(quote_spanned! {mixed=>
            #(#conditions)*
            let __handle = #private::handle::or(__handle, #private::handle::Opaque);
        });
    }
    let is_in_doubt = |argument: &&Argument| argument.is_opaque || argument.resembles_handle;
    let doubted = arguments.iter().filter(is_in_doubt).map(|argument| &argument.ty);
    if let Some(ty) = doubted.chain(unnamed.iter().map(|(ty, _)| ty)).next() {
        let span = ty.span().resolved_at(mixed);
        code.select.extend(quote_spanned!(span=> #private::handle::seen(&__handle);));
    }
    code
}

/// Asks the types at run time, if no argument is a handle.
fn hidden(code: &mut HandleCode, hidden: &[Hidden], private: &TokenStream) {
    let mut before = TokenStream::new();
    for (index, Hidden { by, conditions }) in hidden.iter().enumerate() {
        let span = by.span().resolved_at(Span::mixed_site());
        let ask = match by {
            HiddenBy::Type(ty) => quote_spanned!(span=> #private::handle::hidden_handle::<#ty>),
            HiddenBy::Associate(ty) => quote_spanned!(span=> #private::handle::hidden_associate::<#ty>),
            HiddenBy::Receiver(_) => quote_spanned!(span=> #private::handle::hidden_in_receiver::<Self>),
            HiddenBy::Impl { argument, .. } => {
                let hidden = format_ident!("__hidden{index}", span = span);
                before.extend(quote_spanned! {span=>
                    #(#conditions)*
                    #[allow(clippy::used_underscore_binding)]
                    let #hidden = #private::handle::hidden_in(&#argument);
                });
                hidden.into_token_stream()
            }
        };
        code.select.extend(quote_spanned! {span=>
            #(#conditions)*
            let __handle = #private::handle::doubt(__handle, #ask);
        });
    }
    before.extend(std::mem::take(&mut code.keep));
    code.keep = before;
}

fn by_argument(code: &mut HandleCode, index: usize, is_first: bool, argument: &Argument, private: &TokenStream) {
    // Shown at the user's type, resolved at the macro.
    let span = argument.ty.span().resolved_at(Span::mixed_site());
    let kept = format_ident!("__kept{index}", span = span);
    let lent = format_ident!("__lent{index}", span = span);
    let (name, ty, conditions) = (&argument.name, &argument.ty, argument.conditions.as_slice());
    // `&name` would keep a by-value argument alive in the future, so the type is named where it can be.
    let probe = if argument.is_mut_ref || mentions_impl(ty) {
        quote_spanned!(span=> #private::handle::Probe::of(&#name))
    } else {
        quote_spanned!(span=> #private::handle::Probe::<#ty>::new())
    };
    let tag = tag(&probe, span);
    let mut lend_as = |value: TokenStream| {
        let binding = lend(name, argument.is_mutable, &value);
        code.lend.extend(quote!(#(#conditions)* #binding));
    };
    if argument.is_opaque {
        code.keep.extend(quote_spanned!(span=> #(#conditions)* let #kept = #private::handle::Opaque;));
    } else if argument.is_mut_ref && argument.is_used_after {
        lend_as(quote_spanned!(span=> &mut *#name));
        code.select.extend(quote_spanned!(span=> #(#conditions)* let #kept = #tag.held(&mut *#name);));
    } else if argument.is_mut_ref {
        let split = Ident::new(if argument.is_returned { "split_returned" } else { "split" }, span);
        lend_as(quote_spanned!(span=> #kept.lend(#lent)));
        code.keep.extend(quote_spanned! {span=>
            #(#conditions)*
            // The user's `_tx` is used here, and only here.
            #[allow(clippy::used_underscore_binding)]
            let (mut #kept, #lent) = #tag.#split(#name);
        });
    } else {
        let allowed = mentions_impl(ty).then(|| quote!(#[allow(clippy::used_underscore_binding)]));
        code.keep.extend(quote_spanned!(span=> #(#conditions)* #allowed let #kept = #tag.not_a_handle();));
    }
    if argument.resembles_handle && !argument.is_opaque {
        code.select.extend(quote_spanned!(span=> #(#conditions)* let #kept = #private::handle::recognised(#kept);));
    }
    if is_first && conditions.is_empty() {
        code.select.extend(quote_spanned!(span=> let __handle = #kept;));
        return;
    }
    code.select.extend(quote_spanned! {span=>
        #(#conditions)*
        #private::handle::beside(&__handle, &#kept);
        #(#conditions)*
        let __handle = #private::handle::or(__handle, #kept);
    });
}

/// Asks the type for its tag; the first rung whose bound holds answers.
fn tag(probe: &TokenStream, span: Span) -> TokenStream {
    quote_spanned!(span=> #probe.tag())
}

fn lend(name: &Ident, is_mutable: bool, value: &TokenStream) -> TokenStream {
    let mutability = is_mutable.then(|| quote!(mut));
    quote_spanned! {Span::mixed_site()=>
        #[allow(clippy::shadow_unrelated, clippy::shadow_reuse, clippy::shadow_same, clippy::let_unit_value)]
        let #mutability #name = #value;
    }
}

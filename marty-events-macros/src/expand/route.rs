//! The handle, found by the type of an argument: what is kept of each, lent to the body, and chosen afterwards.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Token, Type, spanned::Spanned, visit::Visit};

use crate::model::{Argument, Handle, Model};

pub(super) struct Route {
    /// Before the body.
    pub(super) keep: TokenStream,
    /// Around the body.
    pub(super) lend: TokenStream,
    /// After the body: makes `__handle`.
    pub(super) select: TokenStream,
    /// Whether the body takes what it names.
    pub(super) moves: Option<Token![move]>,
}

pub(super) fn route(model: &Model, private: &TokenStream) -> Route {
    let mixed = Span::mixed_site();
    let mut route = match &model.handle {
        Handle::ByType(arguments) => by_type(arguments, private),
        Handle::Argument(name) => argument(name, private),
        Handle::Place(place) => Route {
            keep: TokenStream::new(),
            lend: TokenStream::new(),
            select: quote_spanned!(place.span().resolved_at(mixed)=> let __handle = #private::select::named(&mut #place);),
            // The place stays the method's: the body borrows it.
            moves: None,
        },
        Handle::None => Route {
            keep: TokenStream::new(),
            lend: TokenStream::new(),
            select: quote_spanned!(mixed=> let __handle = #private::select::Absent;),
            moves: Some(Token![move](mixed)),
        },
    };
    if let Some(span) = model.outbox_demanded {
        route.select.extend(quote_spanned!(span.resolved_at(mixed)=> #private::select::demanded(&__handle);));
    }
    if let Some(span) = model.logging_demanded {
        route.select.extend(quote_spanned!(span.resolved_at(mixed)=> #private::select::may_log(&__handle);));
    }
    route
}

fn argument(name: &Ident, private: &TokenStream) -> Route {
    let span = name.span().resolved_at(Span::mixed_site());
    let lend = lend(name, false, &quote_spanned!(span=> __kept.lend(())));
    Route {
        keep: quote_spanned!(span=> let mut __kept = #private::select::named(#name);),
        lend,
        select: quote_spanned!(span=> let __handle = __kept;),
        moves: Some(Token![move](span)),
    }
}

fn by_type(arguments: &[Argument], private: &TokenStream) -> Route {
    let mixed = Span::mixed_site();
    let mut route = Route {
        keep: TokenStream::new(),
        lend: TokenStream::new(),
        select: quote_spanned!(mixed=> let __handle = #private::select::Absent;),
        moves: Some(Token![move](mixed)),
    };
    for (place, argument) in arguments.iter().enumerate() {
        // Shown at the user's type, resolved at the macro.
        let span = argument.ty.span().resolved_at(mixed);
        let kept = format_ident!("__kept{place}", span = span);
        let name = &argument.name;
        let tag = tag(argument, span, private);
        if argument.is_opaque {
            route.keep.extend(quote_spanned!(span=> let #kept = #private::select::Opaque;));
        } else if argument.is_mut_ref {
            let lent = format_ident!("__lent{place}", span = span);
            route.keep.extend(quote_spanned! {span=>
                // The user's `_tx` is used here, and only here.
                #[allow(clippy::used_underscore_binding)]
                let (mut #kept, #lent) = #tag.split(#name);
            });
            route.lend.extend(lend(name, argument.is_mutable, &quote_spanned!(span=> #kept.lend(#lent))));
        } else {
            route.keep.extend(quote_spanned!(span=> let #kept = #tag.not_a_handle();));
        }
        route.select.extend(quote_spanned! {span=>
            #private::select::beside(&__handle, &#kept);
            let __handle = #private::select::or(__handle, #kept);
        });
    }
    if let Some(opaque) = arguments.iter().find(|argument| argument.is_opaque) {
        let span = opaque.ty.span().resolved_at(mixed);
        route.select.extend(quote_spanned!(span=> #private::select::seen(&__handle);));
    }
    route
}

/// Asks the type what it is. `&name` would keep a by-value argument alive in the future, so the type is named where it
/// can be.
fn tag(argument: &Argument, span: Span, private: &TokenStream) -> TokenStream {
    let (name, ty) = (&argument.name, &argument.ty);
    let probe = if argument.is_mut_ref || mentions_impl(ty) {
        quote_spanned!(span=> #private::probe::Probe::of(&#name))
    } else {
        quote_spanned!(span=> #private::probe::Probe::<#ty>::new())
    };
    quote_spanned! {span=> {
        #[allow(unused_imports)]
        use #private::probe::{
            RungForeign as _, RungForeignOwned as _, RungHandle as _, RungOther as _, RungOwned as _,
            RungPoolConnection as _,
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

fn mentions_impl(ty: &Type) -> bool {
    struct Find(bool);
    impl Visit<'_> for Find {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    find.visit_type(ty);
    find.0
}

//! The handle in generated code. Each argument is tagged and kept, lent to the body, and chosen or left after it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, Ident, Type, spanned::Spanned};

use super::{Private, drops::allowed};
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
    /// After the body, in front of the choice.
    before_choice: TokenStream,
    /// After the body: the one expression that chooses. Each variable that lives on costs the compiler.
    chosen: TokenStream,
    /// The expression borrows from values of its own. In a statement of its own these are gone before the hand-over is awaited.
    borrows: bool,
}

impl HandleCode {
    /// After the body: statements, and what is chosen.
    pub(super) fn choice(&self) -> (TokenStream, TokenStream) {
        let (before, chosen) = (&self.before_choice, &self.chosen);
        let mixed = Span::mixed_site();
        if self.borrows {
            (quote_spanned!(mixed=> #before let __handle = #chosen;), quote_spanned!(mixed=> __handle))
        } else {
            (before.clone(), chosen.clone())
        }
    }

    /// Puts what was chosen into an expression. One that may be configured away is a statement of its own.
    fn choose(&mut self, conditions: &[Attribute], next: impl FnOnce(&TokenStream) -> TokenStream) {
        if conditions.is_empty() {
            self.chosen = next(&self.chosen);
            return;
        }
        let mixed = Span::mixed_site();
        let next = next(&self.bound(mixed));
        self.before_choice.extend(quote_spanned!(mixed=> #(#conditions)* let __handle = #next;));
        self.chosen = quote_spanned!(mixed=> __handle);
    }

    /// Asks what was chosen for a trait. The compiler shows the mistake at the argument of the call, so that is a name at `span`.
    fn check(&mut self, check: &str, span: Span, private: &Private) {
        let (check, handle) = (Ident::new(check, span), self.bound(span));
        self.chosen = quote_spanned!(span=> #private::handle::#check(#handle));
    }

    /// The chosen handle, by its name.
    fn bound(&mut self, span: Span) -> TokenStream {
        let chosen = &self.chosen;
        self.before_choice.extend(quote_spanned!(Span::mixed_site()=> let __handle = #chosen;));
        quote_spanned!(span=> __handle)
    }
}

pub(super) fn handle(model: &Model, private: &Private) -> HandleCode {
    let mixed = Span::mixed_site();
    let mut code = match &model.handle {
        Handle::ByType { arguments, receiver, unnamed, hidden } => {
            let mut code = by_type(arguments, receiver.as_ref(), unnamed, private);
            self::hidden(&mut code, hidden, private);
            code
        }
        Handle::Argument { name, is_mutable } => argument(name, *is_mutable, private),
        Handle::Place(place) => self::place(place, private),
        Handle::None => {
            HandleCode { chosen: quote_spanned!(mixed=> #private::handle::Absent), ..HandleCode::default() }
        }
    };
    let demands =
        [(model.outbox_demanded, "demanded"), (model.delivery_demanded, "stated"), (model.logging_demanded, "may_log")];
    for (at, check) in demands {
        if let Some(span) = at {
            code.check(check, span.resolved_at(mixed), private);
        }
    }
    code
}

/// The place stays the method's: the body borrows it.
fn place(place: &Expr, private: &Private) -> HandleCode {
    let span = place.span().resolved_at(Span::mixed_site());
    let is_receiver = matches!(place, Expr::Path(path) if path.path.is_ident("self"));
    let borrowed = if is_receiver { quote_spanned!(span=> &mut *#place) } else { quote_spanned!(span=> &mut #place) };
    // Two statements keep the value of a place that is a call alive.
    HandleCode {
        before_choice: quote_spanned!(span=> let __place = #borrowed;),
        chosen: quote_spanned!(span=> #private::handle::named(__place)),
        ..HandleCode::default()
    }
}

fn argument(name: &Ident, is_mutable: bool, private: &Private) -> HandleCode {
    let span = name.span().resolved_at(Span::mixed_site());
    HandleCode {
        keep: quote_spanned!(span=> let mut __kept = #private::handle::named(#name);),
        lend: lend(name, is_mutable, &quote_spanned!(span=> __kept.lend(()))),
        chosen: quote_spanned!(span=> __kept),
        ..HandleCode::default()
    }
}

fn by_type(
    arguments: &[Argument],
    receiver: Option<&(TokenStream, Span)>,
    unnamed: &[(Type, Vec<Attribute>)],
    private: &Private,
) -> HandleCode {
    let mixed = Span::mixed_site();
    let mut code = HandleCode::default();
    // Only these can be chosen. The first is chosen without a question, unless it may be configured away.
    let (candidates, others): (Vec<_>, Vec<_>) =
        arguments.iter().enumerate().partition(|(_, argument)| argument.is_mut_ref || argument.is_opaque);
    let is_first_certain = candidates.first().is_some_and(|(_, first)| first.conditions.is_empty());
    if !is_first_certain {
        code.chosen = quote_spanned!(mixed=> #private::handle::Absent);
    }
    // Where one argument alone can be chosen, it is asked at once whether it is a handle.
    let is_sole =
        is_first_certain && matches!(candidates.as_slice(), [(_, only)] if only.resembles_handle && !only.is_opaque);
    for (place, (index, argument)) in candidates.into_iter().enumerate() {
        candidate(&mut code, index, place == 0 && is_first_certain, is_sole, argument, private);
    }
    if let Some((ty, span)) = receiver {
        let span = span.resolved_at(mixed);
        code.borrows = true;
        code.choose(
            &[],
            |chosen| quote_spanned!(span=> #private::handle::Probe::<#ty>::new().tag().not_a_receiver(#chosen)),
        );
    }
    for (index, argument) in others {
        other(&mut code, index, argument, private);
    }
    let opaque = |chosen: &TokenStream| quote_spanned!(mixed=> #private::handle::or(#chosen, #private::handle::Opaque));
    for (_, conditions) in unnamed {
        code.choose(conditions, opaque);
    }
    if is_sole {
        return code;
    }
    let is_in_doubt = |argument: &&Argument| argument.is_opaque || argument.resembles_handle;
    let doubted = arguments.iter().filter(is_in_doubt).map(|argument| &argument.ty);
    if let Some(ty) = doubted.chain(unnamed.iter().map(|(ty, _)| ty)).next() {
        code.check("seen", ty.span().resolved_at(mixed), private);
    }
    code
}

/// Asks the types at run time, if no argument is a handle.
fn hidden(code: &mut HandleCode, hidden: &[Hidden], private: &Private) {
    let mut before = TokenStream::new();
    for (index, Hidden { by, conditions }) in hidden.iter().enumerate() {
        let span = by.span().resolved_at(Span::mixed_site());
        let ask = match by {
            HiddenBy::Type(ty) => quote_spanned!(span=> #private::handle::hidden_handle::<#ty>),
            HiddenBy::Associate(ty) => quote_spanned!(span=> #private::handle::hidden_associate::<#ty>),
            HiddenBy::Receiver(_) => quote_spanned!(span=> #private::handle::hidden_in_receiver::<Self>),
            HiddenBy::Impl { argument, .. } => {
                let (hidden, allowed) = (format_ident!("__hidden{index}", span = span), allowed(argument));
                before.extend(quote_spanned! {span=>
                    #(#conditions)*
                    #allowed
                    let #hidden = #private::handle::hidden_in(&#argument);
                });
                hidden.into_token_stream()
            }
        };
        code.choose(conditions, |chosen| quote_spanned!(span=> #chosen.doubt(#ask)));
    }
    before.extend(std::mem::take(&mut code.keep));
    code.keep = before;
}

/// An argument that is kept, lent to the body, and may be chosen after it.
fn candidate(
    code: &mut HandleCode,
    index: usize,
    is_first: bool,
    is_sole: bool,
    argument: &Argument,
    private: &Private,
) {
    // Shown at the user's type, resolved at the macro.
    let span = argument.ty.span().resolved_at(Span::mixed_site());
    let (kept, lent) = (kept_name(index, span), format_ident!("__lent{index}", span = span));
    let (name, conditions) = (&argument.name, argument.conditions.as_slice());
    let tag = quote_spanned!(span=> #private::handle::Probe::of(&#name).tag());
    let chosen = if argument.is_opaque {
        quote_spanned!(span=> #private::handle::Opaque)
    } else {
        let (value, kept) = if argument.is_used_after {
            code.borrows = true;
            (quote_spanned!(span=> &mut *#name), quote_spanned!(span=> #tag.held(&mut *#name)))
        } else {
            let split = Ident::new(if argument.is_returned { "split_returned" } else { "split" }, span);
            // The user's `_tx` is used here, and only here.
            let allowed = allowed(name);
            code.keep.extend(quote_spanned! {span=>
                #(#conditions)*
                #allowed
                let (mut #kept, #lent) = #tag.#split(#name);
            });
            (quote_spanned!(span=> #kept.lend(#lent)), kept.into_token_stream())
        };
        let binding = lend(name, argument.is_mutable, &value);
        code.lend.extend(quote!(#(#conditions)* #binding));
        match argument.resembles_handle {
            true if is_sole => quote_spanned!(span=> #kept.certain(())),
            true => quote_spanned!(span=> #kept.recognised()),
            false => kept,
        }
    };
    if is_first {
        code.chosen = chosen;
        return;
    }
    code.choose(conditions, |before| {
        quote_spanned! {span=> {
            let (__one, __other) = (#before, #chosen);
            #private::handle::beside(&__one, &__other);
            #private::handle::or(__one, __other)
        }}
    });
}

/// An argument that must not be a handle. Its type alone is asked, in one statement.
fn other(code: &mut HandleCode, index: usize, argument: &Argument, private: &Private) {
    let span = argument.ty.span().resolved_at(Span::mixed_site());
    let (name, ty, conditions) = (&argument.name, &argument.ty, argument.conditions.as_slice());
    // A type with `impl` cannot be named, and the body may move its value.
    let probe = if mentions_impl(ty) {
        let (kept, allowed) = (kept_name(index, span), allowed(name));
        code.keep.extend(quote_spanned! {span=>
            #(#conditions)*
            #allowed
            let #kept = #private::handle::Probe::of(&#name);
        });
        kept.into_token_stream()
    } else {
        quote_spanned!(span=> #private::handle::Probe::<#ty>::new())
    };
    code.borrows = true;
    code.choose(conditions, |chosen| {
        let chosen = quote_spanned!(span=> #probe.tag().not_a_handle(#chosen));
        if argument.resembles_handle {
            quote_spanned!(span=> #private::handle::or(#chosen, #private::handle::Opaque))
        } else {
            chosen
        }
    });
}

fn kept_name(index: usize, span: Span) -> Ident {
    format_ident!("__kept{index}", span = span)
}

fn lend(name: &Ident, is_mutable: bool, value: &TokenStream) -> TokenStream {
    let mutability = is_mutable.then(|| quote!(mut));
    quote_spanned! {Span::mixed_site()=>
        #[allow(clippy::shadow_unrelated, clippy::shadow_reuse, clippy::shadow_same)]
        let #mutability #name = #value;
    }
}

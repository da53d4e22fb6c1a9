//! By-value arguments are dropped in the order of the plain function: at the body's end, the last one first.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{FnArg, Pat, PatIdent, Signature, Type, ext::IdentExt};

use crate::{
    method::{
        model::{ErrorMessage, Event, When},
        signature::{Binding, bindings, conditions, peel},
    },
    syntax::expression::mentions,
};

/// Names each argument, the last one first. An async block that moves its captures drops them in the order in which
/// they are named, after its own variables. An argument `_` gets a name, or it could not be moved into the body.
pub(super) fn order(signature: &mut Signature, events: &[Event], body: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let expressions = expressions(events);
    let given = given_away(events);
    let mut statements = Vec::new();
    for (index, input) in signature.inputs.iter_mut().enumerate() {
        let FnArg::Typed(argument) = input else { continue };
        // References need no drop. A handle stays outside the body until the event is written.
        if matches!(peel(&argument.ty), Type::Reference(_)) {
            continue;
        }
        let conditions = conditions(&argument.attrs);
        let wild = if let Pat::Wild(wild) = &*argument.pat { Some(wild.attrs.clone()) } else { None };
        let is_ignored = wild.is_some();
        if let Some(attrs) = wild {
            let ident = format_ident!("__ignored{index}", span = mixed);
            *argument.pat = Pat::Ident(PatIdent { attrs, by_ref: None, mutability: None, ident, subpat: None });
        }
        let mut names: Vec<Binding> = Vec::new();
        bindings(&argument.pat, &conditions, &mut names);
        names.retain(|binding| !is_given_away(binding, &given, body));
        statements.extend(names.into_iter().map(|Binding { name, conditions, .. }| {
            let is_used = is_ignored || mentions(body, &name) || mentions(&expressions, &name);
            let used = if is_used { used(&name) } else { unused(&name) };
            quote!(#(#conditions)* #used)
        }));
    }
    statements.reverse();
    statements.into_iter().collect()
}

/// The events in first place that are made before the body. They may take arguments by value.
fn given_away(events: &[Event]) -> TokenStream {
    let typed = events.iter().flat_map(|event| &event.typed).filter(|field| matches!(field.when, When::Before));
    typed.map(|field| field.value.to_token_stream()).collect()
}

/// True if an event in first place names the argument, and the body does not. The event may have moved it, so the body
/// must not capture it; an argument that the event borrows is dropped after the body then.
fn is_given_away(binding: &Binding, given: &TokenStream, body: &TokenStream) -> bool {
    mentions(given, &binding.name) && !mentions(body, &binding.name)
}

/// The arguments that the body may capture.
pub(super) fn left(bindings: &[Binding], events: &[Event], body: &TokenStream) -> Vec<Binding> {
    let given = given_away(events);
    bindings.iter().filter(|binding| !is_given_away(binding, &given, body)).cloned().collect()
}

/// Uses of the arguments in attributes, repeated in the body. So the compiler does not report them as unused.
pub(super) fn used_by_attributes(bindings: &[Binding], events: &[Event]) -> TokenStream {
    let expressions = expressions(events);
    let uses = bindings.iter().filter(|binding| mentions(&expressions, &binding.name)).map(|binding| {
        let (conditions, used) = (&binding.conditions, used(&binding.name));
        quote!(#(#conditions)* #used)
    });
    uses.collect()
}

/// Arguments that the body takes by value.
pub(super) fn take(bindings: &[Binding]) -> TokenStream {
    let takes = bindings.iter().map(|binding| {
        let (name, conditions, allowed) = (&binding.name, &binding.conditions, allowed(&binding.name));
        quote_spanned! {Span::mixed_site()=>
            #(#conditions)*
            #allowed
            #[allow(clippy::shadow_same)]
            let #name = #name;
        }
    });
    takes.collect()
}

/// A lint takes the use of `_name` for the user's. Each `allow` costs the compiler, so other names have none.
pub(super) fn allowed(name: &Ident) -> Option<TokenStream> {
    let is_underscored = name.unraw().to_string().starts_with('_');
    is_underscored.then(|| quote!(#[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding)]))
}

fn used(name: &Ident) -> TokenStream {
    let allowed = allowed(name);
    quote_spanned!(Span::mixed_site()=> #allowed let _ = &#name;)
}

/// Captures the argument, and lets the compiler report that nothing uses it.
fn unused(name: &Ident) -> TokenStream {
    let allowed = allowed(name);
    quote_spanned! {Span::mixed_site()=>
        #allowed
        #[allow(clippy::shadow_reuse, clippy::shadow_same, clippy::shadow_unrelated)]
        {
            let #name = &#name;
        }
    }
}

/// Every expression of the attributes.
fn expressions(events: &[Event]) -> TokenStream {
    let mut tokens = TokenStream::new();
    for event in events {
        tokens.extend(event.id.as_ref().map(|id| id.expression.clone()));
        let given = match &event.error_message {
            ErrorMessage::Given(field) => Some(&**field),
            ErrorMessage::Display | ErrorMessage::Omit => None,
        };
        let fields = event
            .data
            .iter()
            .chain(&event.typed)
            .chain(&event.states)
            .chain(&event.success)
            .chain(&event.error_code)
            .chain(given);
        fields.for_each(|field| field.value.to_tokens(&mut tokens));
        let values = event.new.iter().chain(event.calls.iter().map(|call| &call.argument));
        values.for_each(|value| value.expression.to_tokens(&mut tokens));
    }
    tokens
}

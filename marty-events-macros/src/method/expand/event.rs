//! Building an event from the captured values.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, LitStr};

use super::{
    Private,
    capture::{field_name, id_name, known_id, known_state, typed, typed_name, value_name, values},
};
use crate::{
    method::model::{Event, Moment, Value, When},
    syntax::kind::Kind,
};

/// The outcome that an event tells of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Built before the body, because nothing of it is known later only. The values are expressions, and not captured.
    Early,
    /// Built after the body, of captured values.
    Success,
    /// Built before the body, in case the method fails.
    Failure,
}

/// The builder, in one expression: each variable that lives on costs the compiler.
pub(super) fn event(index: usize, event: &Event, outcome: Outcome, private: &Private) -> TokenStream {
    let mixed = Span::mixed_site();
    // The success event needs the same values, so the failure event gets copies.
    let is_shared = outcome == Outcome::Failure && event.on.success();
    let values: Vec<TokenStream> =
        values(event).map(|(number, value)| given(index, number, value, is_shared, private)).collect();
    let (new, given) = values.split_at(event.new.len());
    let calls = event.calls.iter().zip(given).map(|(call, value)| {
        let method = Ident::new(call.method, mixed);
        quote_spanned!(call.argument.span.resolved_at(mixed)=> .#method(#value))
    });
    let id = id(index, event, outcome, is_shared, private);
    let span = event.span.resolved_at(mixed);
    // The builders' own constructors would copy a literal.
    let literals = |values: &[TokenStream]| values.iter().all(is_literal);
    let constructor = match event.kind {
        Kind::Audit if new.get(1..).is_some_and(literals) => quote_spanned!(span=> #private::create::audit_literals),
        Kind::Domain if literals(new) => quote_spanned!(span=> #private::create::domain_literals),
        Kind::Audit => quote_spanned!(span=> #private::create::audit_event),
        Kind::Domain => quote_spanned!(span=> #private::create::domain_event),
        Kind::Custom => quote_spanned!(span=> #private::create::custom_event),
        Kind::Notification => quote_spanned!(span=> #private::NotificationEvent::new),
    };
    let create = match (event.kind, &event.id, new) {
        _ if event.typed.is_some() => typed_event(index, event, outcome, private),
        (Kind::Domain, Some(_), [aggregate, event_type]) => {
            quote_spanned!(span=> #constructor(#aggregate, #id, #event_type))
        }
        (Kind::Notification, Some(_), new) => quote_spanned!(span=> #constructor(#(#new,)* [#id])),
        (Kind::Audit, Some(_), [event_type, rest @ ..]) if literals(rest) => {
            quote_spanned!(span=> #private::create::audit_resource(#event_type, #(#rest,)* #id))
        }
        (Kind::Audit, Some(_), new) => quote_spanned!(span=> #constructor(#(#new),*).resource_id(#id)),
        (Kind::Custom, Some(_), new) => quote_spanned!(span=> #constructor(#(#new),*).key(#id)),
        (_, _, new) => quote_spanned!(span=> #constructor(#(#new),*)),
    };
    // A state that cannot be written is a fault of the event, and is left out of the record of a failure.
    let sink = match outcome {
        Outcome::Early | Outcome::Success => quote_spanned!(mixed=> #private::Batch),
        Outcome::Failure => quote_spanned!(mixed=> #private::Failures),
    };
    let built = quote_spanned!(mixed=> #create #(#calls)*);
    event.states.iter().fold(built, |built, state| {
        let (method, name) = (Ident::new(&state.name, mixed), field_name(index, state));
        match (&state.when, outcome) {
            (When::Before, Outcome::Early) => {
                let state = known_state(state, private);
                quote_spanned!(mixed=> #sink::#method(#built, #state))
            }
            (When::Before, _) => {
                let state = if is_shared { quote!(#name.copy()) } else { quote!(#name) };
                quote_spanned!(mixed=> #sink::#method(#built, #state))
            }
            (When::Success(result), Outcome::Success) => {
                let (key, value) = (&state.name, &state.value);
                let bound = result.as_ref().map(|result| bind(result, "__result"));
                quote_spanned! {state.span.resolved_at(mixed)=>
                    #sink::#method(#built, { #bound #private::Data::whole().field(#key, &(#value)) })
                }
            }
            _ => built,
        }
    })
}

/// True for a text in quotes.
fn is_literal(value: &TokenStream) -> bool {
    syn::parse2::<LitStr>(value.clone()).is_ok()
}

/// The builder that was captured, or that is made of the result now.
fn typed_event(index: usize, event: &Event, outcome: Outcome, private: &Private) -> TokenStream {
    let mixed = Span::mixed_site();
    let name = typed_name(index);
    match &event.typed {
        Some(field) => match &field.when {
            When::Success(Some(result)) => {
                let (bound, value) = (bind(result, "__result"), typed(event, field, private));
                quote_spanned!(field.span.resolved_at(mixed)=> { #bound #value })
            }
            _ if outcome == Outcome::Early => typed(event, field, private),
            _ if outcome == Outcome::Failure => quote_spanned!(mixed=> #private::typed::Kept::kept(&#name)),
            _ => name.into_token_stream(),
        },
        None => name.into_token_stream(),
    }
}

/// `let result = __result;`, with the name as the user wrote it.
pub(super) fn bind(name: &Ident, bound: &str) -> TokenStream {
    let mixed = Span::mixed_site();
    let bound = Ident::new(bound, mixed);
    quote_spanned!(mixed=> let #name = #bound;)
}

fn given(index: usize, number: usize, value: &Value, is_shared: bool, private: &Private) -> TokenStream {
    let expression = &value.expression;
    match &value.when {
        Moment::InPlace => expression.clone(),
        Moment::Before => {
            let name = value_name(index, number);
            shared(name.into_token_stream(), is_shared)
        }
        Moment::Success(result) => {
            let bound = bind(result, "__result");
            quote_spanned!(value.span.resolved_at(Span::mixed_site())=> { #bound #private::text(&(#expression)) })
        }
    }
}

fn shared(value: TokenStream, is_shared: bool) -> TokenStream {
    if is_shared { quote!(::core::clone::Clone::clone(&#value)) } else { value }
}

fn id(index: usize, event: &Event, outcome: Outcome, is_shared: bool, private: &Private) -> Option<TokenStream> {
    let id = event.id.as_ref()?;
    Some(if id.is_of_result {
        let id = known_id(id, private);
        quote_spanned!(Span::mixed_site()=> { let __id = #id; __id })
    } else if outcome == Outcome::Early {
        known_id(id, private)
    } else {
        shared(id_name(index).into_token_stream(), is_shared)
    })
}

//! The batch of a call that returned a value: its success events, and by `success` its failure events.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::{
    Private,
    capture::{data_name, known_data, values},
    event::{Outcome, bind, event},
    failure,
};
use crate::{
    method::model::{ErrorMessage, Event, Field, Model, Moment, When},
    syntax::expression::is_plain,
};

/// A statement that makes `__batch` before the body, if nothing of it is known later only. Then one variable waits for the body's end, and not
/// one for each value. Each variable that lives across an `.await` costs the compiler.
pub(super) fn early(model: &Model, private: &Private) -> Option<TokenStream> {
    is_early(model).then(|| batch(model, Outcome::Early, private))
}

/// Statements that make `__batch` of captured values after the body. They move `__waiting`, since the result is borrowed from it.
pub(super) fn late(model: &Model, private: &Private) -> Option<TokenStream> {
    if is_early(model) {
        return None;
    }
    let batch = batch(model, Outcome::Success, private);
    if !model.events.iter().any(names_result) {
        return Some(batch);
    }
    // No borrow lives across an await, and nothing that was borrowed from.
    Some(quote_spanned! {Span::mixed_site()=>
        let (__waiting, __batch) = {
            let mut __waiting = __waiting;
            let __result = __waiting.value();
            #batch
            (__waiting, __batch)
        };
    })
}

/// Code for `success = ..` where no event records a success.
pub(super) fn judged_by_result(model: &Model, private: &Private) -> Option<TokenStream> {
    if !model.events.iter().any(|event| event.success.is_some()) {
        return None;
    }
    let mixed = Span::mixed_site();
    let events = model.events.iter().enumerate().filter(|(_, event)| event.success.is_some());
    let outcomes = events.filter_map(|(index, event)| {
        let (condition, failure) = (condition(event, private)?, failure_of(model, index, private));
        Some(quote_spanned!(mixed=> if !#condition { #failure }))
    });
    Some(quote_spanned! {mixed=> {
        if let ::core::option::Option::Some(__result) = #private::outcome::Returned::new(&__out).success() {
            #(#outcomes)*
        }
    }})
}

fn is_early(model: &Model) -> bool {
    !model.watches_failure() && model.events.iter().all(is_known_before)
}

/// False if an expression stands for the moment after the body: it names the result, or it is a state that the body changes. False also if
/// one does more than name a value: in a statement of its own, what it borrows or locks on the way is free before the next one.
fn is_known_before(event: &Event) -> bool {
    let is_known = |field: &Field| matches!(field.when, When::Before) && is_plain(&field.value);
    event.on.success()
        && event.success.is_none()
        && event.id.as_ref().is_none_or(|id| !id.is_of_result && !id.text.contains('('))
        && event.data.iter().chain(&event.typed).chain(&event.states).all(is_known)
        && values(event).all(|(_, value)| matches!(value.when, Moment::InPlace))
}

/// Code that makes `__batch`: in one expression, as long as no condition is in the way.
fn batch(model: &Model, outcome: Outcome, private: &Private) -> TokenStream {
    let mixed = Span::mixed_site();
    let (mut statements, mut batch) = (TokenStream::new(), quote_spanned!(mixed=> #private::Batch::new()));
    for (index, event) in model.events.iter().enumerate() {
        let pushed =
            |batch: TokenStream| if event.on.success() { push(index, event, &batch, outcome, private) } else { batch };
        let Some(condition) = condition(event, private) else {
            batch = pushed(batch);
            continue;
        };
        let before = std::mem::replace(&mut batch, quote_spanned!(mixed=> __batch));
        let (pushed, failure) = (pushed(batch.clone()), failure_of(model, index, private));
        statements.extend(quote_spanned! {mixed=>
            let __batch = #before;
            let __batch = if #condition {
                #pushed
            } else {
                #failure
                __batch
            };
        });
    }
    quote_spanned!(mixed=> #statements let __batch = #batch;)
}

/// Code for a returned value that `success` calls a failure.
fn failure_of(model: &Model, index: usize, private: &Private) -> Option<TokenStream> {
    let (number, index, event) = failure::watched(model).find(|(_, other, _)| *other == index)?;
    Some(failure::unsuccessful(number, index, event, private))
}

/// True if an expression needs the result, which is borrowed then.
fn names_result(event: &Event) -> bool {
    let fields = event.data.iter().chain(&event.typed).chain(&event.states).chain(&event.success);
    event.id.as_ref().is_some_and(|id| id.is_of_result)
        || fields.chain(&event.error_code).any(|field| matches!(field.when, When::Success(Some(_))))
        || values(event).any(|(_, value)| matches!(value.when, Moment::Success(_)))
        || matches!(&event.error_message, ErrorMessage::Given(field) if matches!(field.when, When::Success(Some(_))))
}

fn condition(event: &Event, private: &Private) -> Option<TokenStream> {
    let field = event.success.as_ref()?;
    let When::Success(Some(result)) = &field.when else { return None };
    let (bound, value) = (bind(result, "__result"), &field.value);
    let span = field.span.resolved_at(Span::mixed_site());
    Some(quote_spanned!(span=> { #bound #private::outcome::succeeded(&(#value)) }))
}

fn push(index: usize, of: &Event, batch: &TokenStream, outcome: Outcome, private: &Private) -> TokenStream {
    let (event, data) = (event(index, of, outcome, private), data(index, of, outcome, private));
    let data = data.map(|data| quote!(.data(#data)));
    let direct = of.is_direct.then(|| quote!(.direct()));
    let strict = of.is_strict.then(|| quote!(.strict()));
    quote_spanned!(Span::mixed_site()=> #batch.push(#event) #data #direct #strict)
}

/// The data. A field that names `result` is bound under the user's own token; one that names `error` is absent.
fn data(index: usize, event: &Event, outcome: Outcome, private: &Private) -> Option<TokenStream> {
    if event.data.is_empty() {
        return None;
    }
    let mixed = Span::mixed_site();
    let mut data = match outcome {
        Outcome::Early => known_data(event, private),
        Outcome::Success | Outcome::Failure => data_name(index).into_token_stream(),
    };
    for field in &event.data {
        let (key, value) = (&field.name, &field.value);
        data = match &field.when {
            When::Before => data,
            When::Success(result) => {
                let bound = result.as_ref().map(|result| bind(result, "__result"));
                quote_spanned! {field.span.resolved_at(mixed)=> {
                    let __data = #data;
                    #bound
                    __data.field(#key, &(#value))
                }}
            }
            When::Failure(_) => quote_spanned!(mixed=> #data.absent(#key)),
        };
    }
    Some(data)
}

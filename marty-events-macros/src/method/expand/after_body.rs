//! Code after the body. It builds the success events and hands them over; then, if the method fails, the failure
//! events.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use super::{
    capture::data_name,
    event::{Outcome, bind, event},
    failure,
};
use crate::method::model::{Event, Model, When};

pub(super) fn after_body(
    model: &Model,
    return_type: &TokenStream,
    select: &TokenStream,
    private: &TokenStream,
) -> TokenStream {
    let mixed = Span::mixed_site();
    let at_return = return_type.span().resolved_at(mixed);
    let failed = model.watches_failure().then(|| failure::after(model, at_return, private));
    if !model.events.iter().any(|event| event.on.success()) {
        let failures = judged_by_result(model, private);
        return quote_spanned!(mixed=> #failures #failed __out);
    }
    let builds = model.events.iter().enumerate().map(|(index, event)| branch(model, index, event, private));
    let into_result = Ident::new(if model.strict { "into_strict_result" } else { "into_result" }, at_return);
    let out = if model.handle.may_be_hidden() {
        quote_spanned! {mixed=>
            let mut __hand_over = __hand_over;
            let __out = __waiting.out_unless(__hand_over.refusal());
        }
    } else {
        quote_spanned!(mixed=> let __out = __waiting.out();)
    };
    let answer = quote_spanned!(at_return=> __hand_over.#into_result(__out));
    // The result is asked once: each question to a type costs the compiler.
    quote_spanned! {mixed=>
        let __out = '__handed_over: {
            let __waiting = match #private::Answer::new(__out).wait() {
                ::core::result::Result::Ok(__waiting) => __waiting,
                // The method failed: there is nothing to wait for.
                ::core::result::Result::Err(__out) => break '__handed_over __out,
            };
            // No borrow lives across an await, and nothing that was borrowed from.
            let (__batch, __waiting) = {
                let mut __waiting = __waiting;
                let mut __batch = #private::Batch::new();
                let __result = __waiting.value();
                #(#builds)*
                (__batch, __waiting)
            };
            #select
            let __hand_over = __handle.hand_over(__batch).await;
            #out
            #answer
        };
        #failed
        __out
    }
}

/// Code for one event of a call that returned a value: a success event, or by `success` a failure event.
fn branch(model: &Model, index: usize, of: &Event, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let success = of.on.success().then(|| build(index, of, private));
    let Some(condition) = condition(of, private) else { return success.unwrap_or_default() };
    let failure = failure::watched(model)
        .find(|(_, other, _)| *other == index)
        .map(|(number, index, event)| failure::unsuccessful(number, index, event, private));
    quote_spanned!(mixed=> if #condition { #success } else { #failure })
}

/// Code for `success = ..` where no event records a success.
fn judged_by_result(model: &Model, private: &TokenStream) -> Option<TokenStream> {
    if !model.events.iter().any(|event| event.success.is_some()) {
        return None;
    }
    let mixed = Span::mixed_site();
    let events = model.events.iter().enumerate().filter(|(_, event)| event.success.is_some());
    let outcomes = events.map(|(index, event)| branch(model, index, event, private));
    Some(quote_spanned! {mixed=> {
        if let ::core::option::Option::Some(__result) = #private::outcome::Returned::new(&__out).success() {
            #(#outcomes)*
        }
    }})
}

fn condition(event: &Event, private: &TokenStream) -> Option<TokenStream> {
    let field = event.success.as_ref()?;
    let When::Success(Some(result)) = &field.when else { return None };
    let (bound, value) = (bind(result, "__result"), &field.value);
    let span = field.span.resolved_at(Span::mixed_site());
    Some(quote_spanned!(span=> { #bound #private::outcome::succeeded(&(#value)) }))
}

fn build(index: usize, of: &Event, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let build = event(index, of, Outcome::Success, &quote_spanned!(mixed=> __batch), private);
    let (data_after_body, push) = (data_after_body(index, of), push(index, of));
    quote_spanned! {mixed=> {
        #build
        #data_after_body
        #push
    }}
}

/// Fields that name `result`, which is bound under the user's own token. Fields that name `error` are absent.
fn data_after_body(index: usize, event: &Event) -> TokenStream {
    let mixed = Span::mixed_site();
    let name = data_name(index);
    let fields = event.data.iter().filter_map(|field| {
        let (key, value) = (&field.name, &field.value);
        match &field.when {
            When::Before => None,
            When::Success(result) => {
                let bound = result.as_ref().map(|result| bind(result, "__result"));
                Some(quote_spanned! {field.span.resolved_at(mixed)=>
                    let #name = {
                        #bound
                        #name.field(#key, &(#value))
                    };
                })
            }
            When::Failure(_) => Some(quote_spanned!(mixed=> let #name = #name.absent(#key);)),
        }
    });
    fields.collect()
}

fn push(index: usize, event: &Event) -> TokenStream {
    let mixed = Span::mixed_site();
    let data = if event.data.is_empty() {
        quote!(::core::option::Option::None)
    } else {
        let data = data_name(index).into_token_stream();
        quote!(::core::option::Option::Some(#data))
    };
    let method = Ident::new(if event.is_direct { "push_direct" } else { "push" }, mixed);
    let is_strict = event.is_strict;
    quote_spanned!(mixed=> __batch.#method(__event, #data, #is_strict);)
}

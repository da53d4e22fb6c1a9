//! Failure events: built before the body, because a panic or a drop leaves no later moment.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{
    Private,
    capture::{data_name, field_name},
    event::{Outcome, bind, event},
};
use crate::method::model::{ErrorMessage, Event, Field, Model, When};

/// Before the body.
pub(super) fn before(model: &Model, private: &Private) -> TokenStream {
    if !model.watches_failure() {
        return TokenStream::new();
    }
    let mixed = Span::mixed_site();
    let watch = watched(model).map(|(_, index, of)| {
        let event = event(index, of, Outcome::Failure, private);
        let data = if of.data.is_empty() {
            quote!(::core::option::Option::None)
        } else {
            let name = data_name(index);
            quote!(::core::option::Option::Some(#name.copy()))
        };
        let unset = of.data.iter().filter(|field| !matches!(field.when, When::Before)).map(|field| &field.name);
        let code = match &of.error_code {
            Some(code) if matches!(code.when, When::Before) => {
                let name = field_name(index, code);
                quote!(::core::option::Option::Some(#name))
            }
            _ => quote!(::core::option::Option::None),
        };
        quote_spanned!(mixed=> __failures.watch(#event, #data, &[#(#unset),*], #code);)
    });
    quote_spanned! {mixed=>
        let mut __failures = #private::Failures::new();
        #(#watch)*
    }
}

/// Code after the body and after the hand-over of success events. A failed hand-over is a failure of the method too.
pub(super) fn after(model: &Model, at_return: Span, private: &Private) -> TokenStream {
    let mixed = Span::mixed_site();
    let details = watched(model).map(|(number, index, event)| {
        let message = match &event.error_message {
            ErrorMessage::Omit => None,
            ErrorMessage::Display => Some(quote_spanned!(at_return=> #private::error_text(__error))),
            ErrorMessage::Given(field) => text(index, field, Known::Error, private),
        };
        details(number, message, event, Known::Error, private)
    });
    quote_spanned! {mixed=>
        {
            #[allow(unused_variables)]
            if let ::core::option::Option::Some(__error) = #private::outcome::Returned::new(&__out).failure() {
                #(#details)*
                __failures.failed();
            }
        }
    }
}

/// Code for a returned value that the event's `success` calls a failure. There is a result and no error.
pub(super) fn unsuccessful(number: usize, index: usize, event: &Event, private: &Private) -> TokenStream {
    let message = match &event.error_message {
        ErrorMessage::Omit | ErrorMessage::Display => None,
        ErrorMessage::Given(field) => text(index, field, Known::Result, private),
    };
    let details = details(number, message, event, Known::Result, private);
    quote_spanned!(Span::mixed_site()=> #details __failures.unsuccessful(#number);)
}

/// Events that record failures: first the number among them, then the index among all events.
pub(super) fn watched(model: &Model) -> impl Iterator<Item = (usize, usize, &Event)> {
    let failing = model.events.iter().enumerate().filter(|(_, event)| event.on.failure());
    failing.enumerate().map(|(number, (index, event))| (number, index, event))
}

/// The value that is known of a failed call.
#[derive(Clone, Copy)]
enum Known {
    Error,
    Result,
}

impl Known {
    /// The binding for `field`, if its expression names this value.
    fn bound(self, field: &Field) -> Option<TokenStream> {
        match (self, &field.when) {
            (Self::Error, When::Failure(error)) => Some(bind(error, "__error")),
            (Self::Result, When::Success(Some(result))) => Some(bind(result, "__result")),
            _ => None,
        }
    }
}

fn details(number: usize, message: Option<TokenStream>, event: &Event, known: Known, private: &Private) -> TokenStream {
    let mixed = Span::mixed_site();
    let message = message.map(|text| quote_spanned!(mixed=> __failures.message(#number, #text);));
    let code = event.error_code.iter().filter_map(|code| {
        let (bound, value) = (known.bound(code)?, &code.value);
        Some(quote_spanned! {code.span.resolved_at(mixed)=> {
            #bound
            __failures.code(#number, #private::failure_text(&(#value)));
        }})
    });
    let fields = event.data.iter().filter_map(|field| {
        let (bound, key, value) = (known.bound(field)?, &field.name, &field.value);
        Some(quote_spanned!(field.span.resolved_at(mixed)=> { #bound __failures.field(#number, #key, &(#value)); }))
    });
    quote_spanned!(mixed=> #message #(#code)* #(#fields)*)
}

/// The text of `error = ..`. None if it names a value that this failure lacks.
fn text(index: usize, field: &Field, known: Known, private: &Private) -> Option<TokenStream> {
    if matches!(field.when, When::Before) {
        let name = field_name(index, field);
        return Some(quote!(::core::clone::Clone::clone(&#name)));
    }
    let (bound, value) = (known.bound(field)?, &field.value);
    let span = field.span.resolved_at(Span::mixed_site());
    Some(quote_spanned!(span=> { #bound #private::failure_text(&(#value)) }))
}

//! What happens after the body: the events are built if it succeeded, and handed over.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use super::capture::{data_name, id_name, value_name};
use crate::{
    args::Kind,
    model::{Event, Model, Value},
};

pub(super) fn record(model: &Model, return_type: &TokenStream, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let at_return = return_type.span().resolved_at(mixed);
    let builds = model.events.iter().enumerate().map(|(place, event)| build(place, event, private));
    let build = quote_spanned! {mixed=>
        // Nothing borrowed lives on across an await.
        let __batch = {
            #[allow(unused_imports)]
            use #private::outcome::{OfPlain as _, OfResult as _};
            match (&&#private::outcome::Returned::new(&__out)).success() {
                ::core::option::Option::Some(__result) => {
                    let mut __batch = #private::Batch::new();
                    #(#builds)*
                    ::core::option::Option::Some(__batch)
                }
                ::core::option::Option::None => ::core::option::Option::None,
            }
        };
    };
    let settle = Ident::new(if model.strict { "settle_strictly" } else { "settle" }, at_return);
    quote_spanned! {mixed=>
        #build
        let __recorded = match __batch {
            ::core::option::Option::Some(__batch) => __handle.record(__batch).await,
            ::core::option::Option::None => __handle.nothing(),
        };
        // What cannot be told to the caller is logged; what can is the method's error.
    }
    .into_iter()
    .chain(quote_spanned!(at_return=> __recorded.#settle(__out)))
    .collect()
}

fn build(place: usize, event: &Event, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let builder = Ident::new(
        match event.kind {
            Kind::Audit => "AuditEvent",
            Kind::Domain => "DomainEvent",
            Kind::Notification => "NotificationEvent",
            Kind::Custom => "CustomEvent",
        },
        mixed,
    );
    let mut values = event.new.iter().chain(event.calls.iter().map(|call| &call.argument)).enumerate();
    let new: Vec<TokenStream> =
        values.by_ref().take(event.new.len()).map(|(number, value)| given(place, number, value)).collect();
    let calls: Vec<TokenStream> = event
        .calls
        .iter()
        .zip(values)
        .map(|(call, (number, value))| {
            let (method, argument) = (Ident::new(call.method, mixed), given(place, number, value));
            quote_spanned!(value.span.resolved_at(mixed)=> let __event = __event.#method(#argument);)
        })
        .collect();
    let id = id(place, event, private);
    let create = match (event.kind, &event.id) {
        (Kind::Domain, Some(_)) => {
            let (aggregate, event_type) = (&new[0], &new[1]);
            quote_spanned!(event.span.resolved_at(mixed)=> #private::#builder::new(#aggregate, __id, #event_type))
        }
        (Kind::Notification, Some(_)) => {
            quote_spanned!(event.span.resolved_at(mixed)=> #private::#builder::new(#(#new,)* [__id]))
        }
        (Kind::Audit, Some(_)) => {
            quote_spanned!(event.span.resolved_at(mixed)=> #private::#builder::new(#(#new),*).resource_id(__id))
        }
        (Kind::Custom, Some(_)) => {
            quote_spanned!(event.span.resolved_at(mixed)=> #private::#builder::new(#(#new),*).key(__id))
        }
        (_, None) => quote_spanned!(event.span.resolved_at(mixed)=> #private::#builder::new(#(#new),*)),
    };
    let (late_data, push) = (late_data(place, event), push(place, event));
    quote_spanned! {mixed=> {
        #id
        let __event = #create;
        #(#calls)*
        #late_data
        #push
    }}
}

fn given(place: usize, number: usize, value: &Value) -> TokenStream {
    if value.is_early {
        let name = value_name(place, number);
        quote!(#name)
    } else {
        value.expression.clone()
    }
}

fn id(place: usize, event: &Event, private: &TokenStream) -> Option<TokenStream> {
    let id = event.id.as_ref()?;
    let (name, expression) = (id_name(place), &id.expression);
    let mixed = Span::mixed_site();
    Some(if id.is_of_result {
        let id_ident = Ident::new("__id", mixed);
        quote_spanned!(id.span=> let #id_ident = #private::id(&#expression);)
    } else {
        quote_spanned!(mixed=> let __id = #name;)
    })
}

/// The fields that name `result`, which is bound under the user's own token.
fn late_data(place: usize, event: &Event) -> TokenStream {
    let name = data_name(place);
    let mixed = Span::mixed_site();
    event
        .data
        .iter()
        .filter_map(|field| {
            let (result, key, value) = (field.result.as_ref()?, &field.name, &field.value);
            let bound = Ident::new("__result", mixed);
            Some(quote_spanned! {field.span=>
                let #name = {
                    let #result = #bound;
                    #name.field(#key, &(#value))
                };
            })
        })
        .collect()
}

fn push(place: usize, event: &Event) -> TokenStream {
    let mixed = Span::mixed_site();
    let method = Ident::new(if event.is_direct { "push_direct" } else { "push" }, mixed);
    if event.data.is_empty() {
        quote_spanned!(mixed=> __batch.#method(__event, ::core::option::Option::None);)
    } else {
        let data = data_name(place);
        quote_spanned!(mixed=> __batch.#method(__event, ::core::option::Option::Some(#data));)
    }
}

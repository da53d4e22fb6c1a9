//! What is taken before the body, which may move or change its arguments: ids and data, as owned text.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use crate::model::{Event, Value};

pub(super) fn capture(events: &[Event], private: &TokenStream) -> TokenStream {
    let mut tokens = TokenStream::new();
    for (place, event) in events.iter().enumerate() {
        if let Some(id) = event.id.as_ref().filter(|id| !id.is_of_result) {
            let (name, expression) = (id_name(place), &id.expression);
            tokens.extend(quote_spanned!(id.span=> let #name = #private::id(&#expression);));
        }
        if !event.data.is_empty() {
            let (name, start) = (data_name(place), start(event, private));
            tokens.extend(quote_spanned!(Span::mixed_site()=> let #name = #start;));
            for field in event.data.iter().filter(|field| field.result.is_none()) {
                let (key, value) = (&field.name, &field.value);
                tokens.extend(quote_spanned!(field.span=> let #name = #name.field(#key, &(#value));));
            }
        }
        for (name, value) in early_values(place, event) {
            let expression = &value.expression;
            tokens.extend(quote_spanned!(value.span=> let #name = #expression;));
        }
    }
    tokens
}

fn start(event: &Event, private: &TokenStream) -> TokenStream {
    if event.data_is_whole { quote!(#private::Data::whole()) } else { quote!(#private::Data::object()) }
}

fn early_values(place: usize, event: &Event) -> impl Iterator<Item = (Ident, &Value)> {
    let values = event.new.iter().chain(event.calls.iter().map(|call| &call.argument));
    values
        .enumerate()
        .filter(|(_, value)| value.is_early)
        .map(move |(number, value)| (value_name(place, number), value))
}

pub(super) fn id_name(place: usize) -> Ident {
    format_ident!("__id{place}", span = Span::mixed_site())
}

pub(super) fn data_name(place: usize) -> Ident {
    format_ident!("__data{place}", span = Span::mixed_site())
}

/// The name of the event's value with this number: constructor's arguments first, then the calls'.
pub(super) fn value_name(place: usize, number: usize) -> Ident {
    format_ident!("__value{place}_{number}", span = Span::mixed_site())
}

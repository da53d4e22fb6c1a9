//! Values that are captured before the body: ids, texts and data, owned. The body may move or change its arguments.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use crate::{
    method::model::{ErrorMessage, Event, Field, Moment, Value, When},
    syntax::kind::Kind,
};

/// Statements, and the names that they bind.
#[derive(Default)]
pub(super) struct Captured {
    pub(super) statements: TokenStream,
    names: Vec<Ident>,
}

impl Captured {
    /// Moves the captured names into an async block.
    pub(super) fn moved(&self) -> TokenStream {
        let names = &self.names;
        quote_spanned!(Span::mixed_site()=> #(let #names = #names;)*)
    }

    fn bind(&mut self, name: Ident, statement: TokenStream) {
        self.statements.extend(statement);
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

pub(super) fn capture(events: &[Event], private: &TokenStream) -> Captured {
    let mut captured = Captured::default();
    for (index, event) in events.iter().enumerate() {
        if let Some(id) = event.id.as_ref().filter(|id| !id.is_of_result) {
            let (name, expression) = (id_name(index), &id.expression);
            captured.bind(name.clone(), quote_spanned!(id.span=> let #name = #private::id(&#expression);));
        }
        for field in before_body(&event.typed) {
            let (name, value) = (typed_name(index), typed(event, field, private));
            captured.bind(name.clone(), quote_spanned!(field.span=> let #name = #value;));
        }
        if !event.data.is_empty() {
            let (name, start) = (data_name(index), start(event, private));
            captured.bind(name.clone(), quote_spanned!(Span::mixed_site()=> let #name = #start;));
            for field in before_body(&event.data) {
                let (key, value) = (&field.name, &field.value);
                captured.bind(name.clone(), quote_spanned!(field.span=> let #name = #name.field(#key, &(#value));));
            }
        }
        for field in before_body(&event.states) {
            let (name, key, value) = (field_name(index, field), &field.name, &field.value);
            let state = quote_spanned!(field.span=> let #name = #private::Data::whole().field(#key, &(#value)););
            captured.bind(name, state);
        }
        for field in before_body(texts(event)) {
            let (name, value) = (field_name(index, field), &field.value);
            captured.bind(name.clone(), quote_spanned!(field.span=> let #name = #private::failure_text(&(#value));));
        }
        for (number, value) in values(event) {
            if let Moment::Before = value.when {
                let (name, expression) = (value_name(index, number), &value.expression);
                captured.bind(name.clone(), quote_spanned!(value.span=> let #name = #expression;));
            }
        }
    }
    captured
}

fn start(event: &Event, private: &TokenStream) -> TokenStream {
    if event.data_is_whole { quote!(#private::Data::whole()) } else { quote!(#private::Data::object()) }
}

/// The constructor's values, then the calls', numbered.
pub(super) fn values(event: &Event) -> impl Iterator<Item = (usize, &Value)> {
    event.new.iter().chain(event.calls.iter().map(|call| &call.argument)).enumerate()
}

/// Texts about an error: its code and its message.
fn texts(event: &Event) -> impl IntoIterator<Item = &Field> {
    let given = match &event.error_message {
        ErrorMessage::Given(field) => Some(&**field),
        ErrorMessage::Display | ErrorMessage::Omit => None,
    };
    event.error_code.iter().chain(given)
}

fn before_body<'a>(fields: impl IntoIterator<Item = &'a Field>) -> impl Iterator<Item = &'a Field> {
    fields.into_iter().filter(|field| matches!(field.when, When::Before))
}

pub(super) fn id_name(index: usize) -> Ident {
    format_ident!("__id{index}", span = Span::mixed_site())
}

/// The builder of a typed event. Its errors stand at the user's expression.
pub(super) fn typed(event: &Event, field: &Field, private: &TokenStream) -> TokenStream {
    let make = if event.kind == Kind::Custom { "custom_event" } else { "domain_event" };
    let (make, value) = (Ident::new(make, field.span.resolved_at(Span::mixed_site())), &field.value);
    quote_spanned!(field.span=> #private::typed::#make(&(#value)))
}

pub(super) fn typed_name(index: usize) -> Ident {
    format_ident!("__typed{index}", span = Span::mixed_site())
}

pub(super) fn data_name(index: usize) -> Ident {
    format_ident!("__data{index}", span = Span::mixed_site())
}

pub(super) fn value_name(index: usize, number: usize) -> Ident {
    format_ident!("__value{index}_{number}", span = Span::mixed_site())
}

/// A state, the error's message or its code.
pub(super) fn field_name(index: usize, field: &Field) -> Ident {
    format_ident!("__{}{index}", field.name, span = Span::mixed_site())
}

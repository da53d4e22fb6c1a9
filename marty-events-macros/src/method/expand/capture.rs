//! Values that are captured before the body: ids, texts and data, owned. The body may move or change its arguments.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::Private;
use crate::{
    method::model::{ErrorMessage, Event, Field, Id, Model, Moment, Value, When},
    syntax::{expression::is_plain, kind::Kind},
};

/// Statements, and the names that they bind.
#[derive(Default)]
pub(super) struct Captured {
    pub(super) statements: TokenStream,
    names: Vec<Ident>,
}

impl Captured {
    /// The whole batch, in place of its values.
    pub(super) fn batch(batch: TokenStream) -> Self {
        Self { statements: batch, names: vec![Ident::new("__batch", Span::mixed_site())] }
    }

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

pub(super) fn capture(model: &Model, private: &Private) -> Captured {
    let mut captured = Captured::default();
    for (index, event) in model.events.iter().enumerate() {
        if let Some(id) = event.id.as_ref().filter(|id| !id.is_of_result) {
            let (name, value) = (id_name(index), known_id(id, private));
            captured.bind(name.clone(), quote_spanned!(id.span=> let #name = #value;));
        }
        for field in before_body(&event.typed) {
            let (name, value) = (typed_name(index), typed(event, field, private));
            captured.bind(name.clone(), quote_spanned!(field.span=> let #name = #value;));
        }
        if !event.data.is_empty() {
            let (name, value) = (data_name(index), known_data(event, private));
            captured.bind(name.clone(), quote_spanned!(Span::mixed_site()=> let #name = #value;));
        }
        for field in before_body(&event.states) {
            let (name, value) = (field_name(index, field), known_state(field, private));
            captured.bind(name.clone(), quote_spanned!(field.span=> let #name = #value;));
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

/// The text of an id.
pub(super) fn known_id(id: &Id, private: &Private) -> TokenStream {
    let expression = &id.expression;
    quote_spanned!(id.span=> #private::id(&#expression))
}

/// The data, with the fields that are known before the body. A value that an expression borrows or locks on the way is free before the next one.
pub(super) fn known_data(event: &Event, private: &Private) -> TokenStream {
    let start = if event.data_is_whole { quote!(#private::Data::whole()) } else { quote!(#private::Data::object()) };
    before_body(&event.data).fold(start, |data, field| {
        let (key, value) = (&field.name, &field.value);
        let field = quote_spanned!(field.span=> .field(#key, &(#value)));
        if is_plain(value) {
            quote!(#data #field)
        } else {
            quote_spanned!(Span::mixed_site()=> { let __data = #data; let __data = __data #field; __data })
        }
    })
}

/// A state that is known before the body.
pub(super) fn known_state(state: &Field, private: &Private) -> TokenStream {
    let (key, value) = (&state.name, &state.value);
    quote_spanned!(state.span=> #private::Data::whole().field(#key, &(#value)))
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
pub(super) fn typed(event: &Event, field: &Field, private: &Private) -> TokenStream {
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

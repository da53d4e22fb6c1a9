//! Which arguments are needed after the body.

use crate::{
    args::Args,
    expression::names,
    method::plain,
    model::{Binding, Capture, ErrorMessage, Event, Moment, When},
};

/// The names that expressions mention which are evaluated after the body.
pub(super) struct Needed(Vec<proc_macro2::TokenStream>);

impl Needed {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|tokens| names(tokens, name).is_some())
    }
}

pub(super) fn needed(events: &[Event], attributes: &[Args]) -> Needed {
    use quote::ToTokens;
    let mut tokens: Vec<_> =
        attributes.iter().filter_map(|args| args.transaction.as_ref()).map(ToTokens::to_token_stream).collect();
    for event in events {
        let given = match &event.error_message {
            ErrorMessage::Given(field) => Some(&**field),
            _ => None,
        };
        let fields = event.data.iter().chain(&event.states).chain(&event.error_code).chain(given);
        tokens.extend(
            fields.filter(|field| !matches!(field.when, When::Before)).map(|field| field.value.to_token_stream()),
        );
        let values = event.new.iter().chain(event.calls.iter().map(|call| &call.argument));
        tokens.extend(
            values.filter(|value| matches!(value.when, Moment::Success(_))).map(|value| value.expression.clone()),
        );
    }
    Needed(tokens)
}

/// The body takes all by value, unless something of it is needed afterwards.
pub(super) fn capture(bindings: Vec<Binding>, needed: &Needed) -> Capture {
    let is_needed = |binding: &Binding| needed.contains(&plain(&binding.name));
    if !needed.contains("self") && !bindings.iter().any(is_needed) {
        return Capture::Move;
    }
    // What is bound by `mut` stays where it is: the body borrows it.
    Capture::Only(bindings.into_iter().filter(|binding| !binding.is_mutable && !is_needed(binding)).collect())
}

//! Arguments that an attribute uses after the body.

use proc_macro2::TokenStream;
use syn::Expr;

use crate::{
    method::{
        model::{Capture, ErrorMessage, Event, Moment, When},
        signature::Binding,
    },
    syntax::{args::Args, expression::names, identifier::plain},
};

/// The expressions that are evaluated after the body.
pub(super) struct UsedAfter(Vec<Expr>);

impl UsedAfter {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|expression| names(expression, name).is_some())
    }
}

pub(super) fn used_after(events: &[Event], attributes: &[Args]) -> UsedAfter {
    let mut expressions: Vec<Expr> = attributes.iter().filter_map(|args| args.transaction.clone()).collect();
    for event in events {
        let given = match &event.error_message {
            ErrorMessage::Given(field) => Some(&**field),
            _ => None,
        };
        let fields = event
            .data
            .iter()
            .chain(&event.typed)
            .chain(&event.success)
            .chain(&event.states)
            .chain(&event.error_code)
            .chain(given);
        expressions.extend(fields.filter(|field| !matches!(field.when, When::Before)).map(|field| field.value.clone()));
        let values = event.new.iter().chain(event.calls.iter().map(|call| &call.argument));
        let after = values.filter(|value| matches!(value.when, Moment::Success(_)));
        expressions.extend(after.map(|value| parsed(&value.expression)));
    }
    UsedAfter(expressions)
}

fn parsed(tokens: &TokenStream) -> Expr {
    syn::parse2(tokens.clone()).unwrap_or_else(|_| Expr::Verbatim(tokens.clone()))
}

/// The body takes all arguments by value, unless an attribute needs one of them afterwards.
pub(super) fn capture(bindings: Vec<Binding>, used_after: &UsedAfter) -> Capture {
    let is_used = |binding: &Binding| used_after.contains(&plain(&binding.name));
    if !used_after.contains("self") && !bindings.iter().any(is_used) {
        return Capture::Move;
    }
    // The body borrows a `mut` binding, which stays outside.
    Capture::Only(bindings.into_iter().filter(|binding| !binding.is_mutable && !is_used(binding)).collect())
}

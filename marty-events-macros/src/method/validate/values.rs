//! Rules about the words of an event: types, texts, levels.

use proc_macro2::Span;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Ident, spanned::Spanned};

use super::{
    scope::{Scope, not_an_argument},
    template::{Template, made_by_the_body, template},
};
use crate::{
    method::model::{Call, Moment, Value},
    syntax::{
        args::{Args, choice, literal},
        expression::{is_constant, names},
        kind::Kind,
        mistakes::Mistakes,
        topic::topic_part,
    },
};

/// The arguments of the event's constructor.
pub(super) fn constructor(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Vec<Value> {
    let keys: &[&str] = match args.kind {
        Kind::Audit => &["event_type", "action", "resource_type"],
        Kind::Domain => &["aggregate_type", "event_type"],
        Kind::Notification => &["event_type", "recipient_type"],
        Kind::Custom => &["topic", "event_type"],
    };
    let in_topic: &[&str] = match args.kind {
        Kind::Domain => &["aggregate_type", "event_type"],
        Kind::Custom => &["topic"],
        Kind::Audit | Kind::Notification => &[],
    };
    for key in in_topic {
        if let Some(text) = args.value(key).and_then(literal) {
            mistakes.ok(topic_part(key, &text));
        }
    }
    let is_enumeration = |key: &str| key == "event_type" && matches!(args.kind, Kind::Audit | Kind::Notification);
    keys.iter()
        .filter_map(|key| {
            let given = args.value(key)?;
            let value = if is_enumeration(key) { copied(given, scope) } else { text(key, given, args, scope) };
            mistakes.ok(value)
        })
        .collect()
}

/// A literal may hold `{name}`, as in `format!`, and paths. Any other expression becomes an owned text, by reference.
fn text(key: &str, given: &Expr, args: &Args, scope: &Scope<'_>) -> syn::Result<Value> {
    let (span, krate) = (given.span(), scope.krate);
    if let Some(text) = literal(given) {
        if !text.value().contains(['{', '}']) {
            return Ok(Value { expression: quote!(#text), span, when: Moment::InPlace });
        }
        let Template { expression, result } = template(key, &text, scope)?;
        return Ok(Value { expression, span, when: moment(result, args, scope)? });
    }
    let named = names(given, "result");
    if named.is_none() {
        made_by_the_body(given, scope)?;
    }
    let expression = quote_spanned!(span=> #krate::__private::text(&(#given)));
    Ok(Value { expression, span, when: moment(named, args, scope)? })
}

fn moment(result: Option<Ident>, args: &Args, scope: &Scope<'_>) -> syn::Result<Moment> {
    let Some(result) = result else { return Ok(Moment::Before) };
    not_an_argument("result", result.span(), scope)?;
    if args.on().failure() {
        let message = "a call that failed has no `result`; write two attributes, one with `on = \"failure\"`";
        return Err(syn::Error::new(result.span(), message));
    }
    Ok(Moment::Success(result))
}

/// A value that is not a text. An argument is cloned, because the body may move it.
fn copied(given: &Expr, scope: &Scope<'_>) -> syn::Result<Value> {
    let span = given.span();
    let named = match given {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    };
    if named.is_some_and(|name| scope.bindings.iter().any(|binding| binding.name == *name)) {
        let expression = quote_spanned!(span=> ::core::clone::Clone::clone(&#given));
        return Ok(Value { expression, span, when: Moment::Before });
    }
    if let Some(result) = names(given, "result") {
        let message = "this is taken before the body, which has no `result` yet; compute it from the arguments";
        return Err(syn::Error::new(result.span(), message));
    }
    made_by_the_body(given, scope)?;
    let when = if is_constant(given) { Moment::InPlace } else { Moment::Before };
    Ok(Value { expression: given.to_token_stream(), span, when })
}

/// The calls on the builder, apart from id, data, states and failure.
pub(super) fn calls(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Vec<Call> {
    let krate = scope.krate;
    let mut calls = Vec::new();
    let levels = [("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical")];
    let priorities = [("low", "Low"), ("normal", "Normal"), ("high", "High"), ("critical", "Critical")];
    let orders = [("key", "Key"), ("commit", "Commit"), ("none", "None")];
    let mut word = |key: &'static str, enumeration: &str, words: &[(&str, &str)]| {
        let given = args.value(key)?;
        let variant = mistakes.ok(choice(&Ident::new(key, given.span()), given, words))?;
        let (enumeration, variant) =
            (Ident::new(enumeration, Span::mixed_site()), Ident::new(variant, Span::mixed_site()));
        let expression = quote_spanned!(Span::mixed_site()=> #krate::__private::#enumeration::#variant);
        Some(call(key, Value { expression, span: given.span(), when: Moment::InPlace }))
    };
    calls.extend(word("priority", "EventPriority", &priorities));
    calls.extend(word("risk_level", "RiskLevel", &levels));
    calls.extend(word("ordering", "EventOrdering", &orders));
    if let Some(given) = args.value("event_version") {
        calls.extend(mistakes.ok(copied(given, scope)).map(|value| call("event_version", value)));
    }
    for key in ["subject", "message"] {
        if let Some(given) = args.value(key) {
            calls.extend(mistakes.ok(text(key, given, args, scope)).map(|value| call(key, value)));
        }
    }
    if !args.tags.is_empty() {
        for tag in &args.tags {
            mistakes.ok(made_by_the_body(tag, scope));
        }
        let tags = args.tags.iter().map(|tag| quote_spanned!(tag.span()=> #krate::__private::text(&(#tag))));
        let expression = quote_spanned!(args.span=> [#(#tags),*]);
        calls.push(call("compliance_tags", Value { expression, span: args.span, when: Moment::Before }));
    }
    calls
}

fn call(method: &'static str, argument: Value) -> Call {
    Call { method, argument }
}

//! Rules about one event: its id, its data, and its description of a failure.

use proc_macro2::Span;
use syn::{Expr, Ident, LitStr, spanned::Spanned};

use super::{
    manifest,
    path::path as dotted,
    scope::{Scope, not_an_argument},
    success::success,
    template::made_by_the_body,
    values::{calls, constructor},
};
use crate::{
    method::model::{ErrorMessage, Event, Field, Id, When},
    syntax::{
        args::{Args, Data, Delivery, IdField, OnPublishError, literal},
        expression::names,
        identifier::plain,
        kind::Kind,
        mistakes::Mistakes,
    },
};

pub(super) fn event(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Event {
    let id = match &args.id {
        Some(IdField::Path(path)) => mistakes.ok(id(args, path, scope)),
        Some(IdField::None) | None => None,
    };
    let (data, data_is_whole) = data(args, scope, mistakes);
    Event {
        kind: args.kind,
        on: args.on(),
        success: success(args, scope, mistakes),
        span: args.span,
        typed: typed(args, scope, mistakes),
        new: constructor(args, scope, mistakes),
        id,
        data,
        data_is_whole,
        states: states(args, scope, mistakes),
        calls: calls(args, scope, mistakes),
        error_message: error_message(args, scope, mistakes),
        error_code: error_code(args, scope, mistakes),
        is_direct: args.is(Delivery::Direct),
        is_strict: matches!(args.on_publish_error, Some((OnPublishError::Fail, _))),
    }
}

/// `"user_id"`, `"request.user.id"`, `"self.tenant_id"`, `"order.id()"`, `"result.id"`
fn id(args: &Args, path: &LitStr, scope: &Scope<'_>) -> syn::Result<Id> {
    let key = args.kind.id_key();
    let text = path.value();
    let first = text.split('.').next().unwrap_or_default().trim();
    let is_of_result = first == "result";
    if is_of_result {
        not_an_argument(first, path.span(), scope)?;
        if args.on().failure() {
            let way_out = match args.kind {
                Kind::Audit => {
                    "name an argument, or write a second attribute with `on = \"failure\"` and `resource_id_field = none`"
                }
                _ => "name an argument, or write a second attribute with `on = \"failure\"` and an id of its own",
            };
            return Err(syn::Error::new(path.span(), format!("a call that failed has no `result`; {way_out}")));
        }
    }
    let result = Ident::new("__result", path.span().resolved_at(Span::mixed_site()));
    let expression = dotted(key, &text, path, &result, scope)?;
    Ok(Id { text, expression, span: path.span(), is_of_result })
}

fn data(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> (Vec<Field>, bool) {
    let mut of = |name: String, value: &Expr| Field {
        name,
        value: value.clone(),
        span: value.span(),
        when: mistakes.ok(when(value, args, scope)).unwrap_or(When::Before),
    };
    match &args.data {
        None => (Vec::new(), false),
        Some(Data::Whole(value)) => (vec![of("data".to_owned(), value)], true),
        Some(Data::Fields(fields)) => (fields.iter().map(|(name, value)| of(plain(name), value)).collect(), false),
    }
}

/// The event in first place is taken as data is. A failure event has its type and its id too, before there is a result.
fn typed(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Option<Field> {
    let Some(value) = &args.typed else {
        if args.kind == Kind::Domain && manifest::requires_types() {
            mistakes.push(untyped(args.span));
        }
        return None;
    };
    let late = names(value, "result").or_else(|| names(value, "error").filter(|_| args.on().failure()));
    let when = match late {
        Some(name) if args.on().failure() => {
            let message = format!(
                "the event of a failure is made before the body, which has no `{name}` yet; write two attributes, and name `{name}` in the one with `on = \"success\"`"
            );
            mistakes.push(syn::Error::new(name.span(), message));
            When::Before
        }
        _ => mistakes.ok(when(value, args, scope)).unwrap_or(When::Before),
    };
    Some(Field { name: "event".to_owned(), value: value.clone(), span: value.span(), when })
}

/// A domain event without a type of its own, in a crate that demands one.
fn untyped(span: Span) -> syn::Error {
    let message = "this crate's manifest has `typed-events = true`, and this event has no type; write a struct with `#[derive(DomainEvent)]`, and name it first: `#[domain_event(UserCreated { user_id })]`";
    syn::Error::new(span, message)
}

/// An expression that names `result` or `error` is evaluated after the body, every other one before it.
fn when(value: &Expr, args: &Args, scope: &Scope<'_>) -> syn::Result<When> {
    let on = args.on();
    let error = names(value, "error").filter(|_| on.failure());
    match (names(value, "result"), error) {
        (Some(result), Some(_)) => Err(syn::Error::new(
            result.span(),
            "a call has a `result` or an `error`, never both; give each a field of its own",
        )),
        (Some(result), None) if !on.success() && !decides(args) => Err(syn::Error::new(
            result.span(),
            "a call that failed has no `result`; write `on = \"both\"`, or leave this out",
        )),
        (Some(result), None) => {
            not_an_argument("result", result.span(), scope)?;
            Ok(When::Success(Some(result)))
        }
        (None, Some(error)) => {
            not_an_argument("error", error.span(), scope)?;
            Ok(When::Failure(error))
        }
        (None, None) => made_by_the_body(value, scope).map(|()| When::Before),
    }
}

/// A call that returned a value may have failed, and has a `result` then.
fn decides(args: &Args) -> bool {
    args.value("success").is_some()
}

/// `previous_state` is taken before the body, `new_state` after it.
fn states(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Vec<Field> {
    let mut states = Vec::new();
    for (name, is_late) in [("previous_state", false), ("new_state", true)] {
        let Some(value) = args.value(name) else { continue };
        let result = names(value, "result");
        if let Some(result) = &result {
            mistakes.ok(not_an_argument("result", result.span(), scope));
        }
        match (&result, is_late) {
            (Some(result), false) => mistakes.push(syn::Error::new(
                result.span(),
                "`previous_state` is taken before the body, which has no `result` yet; write `new_state`",
            )),
            (_, true) if !args.on().success() => {
                let message = "a call that failed has no `new_state`; write `on = \"both\"`, or leave it out";
                mistakes.push(syn::Error::new(args.key(name).map_or_else(|| value.span(), Ident::span), message));
            }
            (None, _) => _ = mistakes.ok(made_by_the_body(value, scope)),
            _ => {}
        }
        let when = if is_late { When::Success(result) } else { When::Before };
        states.push(Field { name: name.to_owned(), value: value.clone(), span: value.span(), when });
    }
    states
}

fn error_message(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> ErrorMessage {
    let Some(value) = args.value("error") else { return ErrorMessage::Display };
    mistakes.ok(of_failure("error", args));
    match literal(value) {
        Some(word) if word.value() == "omit" => ErrorMessage::Omit,
        Some(word) => {
            let message = format!(
                "`error` cannot be \"{}\"; write `error = \"omit\"`, or an expression of `error`",
                word.value()
            );
            mistakes.push(syn::Error::new(word.span(), message));
            ErrorMessage::Omit
        }
        None if is_word(value, scope) => {
            mistakes.push(syn::Error::new(value.span(), "`error` has its word in quotes; write `error = \"omit\"`"));
            ErrorMessage::Omit
        }
        None => ErrorMessage::Given(Box::new(of_error("error_message", value, args, scope, mistakes))),
    }
}

/// `omit` or `none` without quotes, and no argument of that name.
fn is_word(value: &Expr, scope: &Scope<'_>) -> bool {
    let Expr::Path(path) = value else { return false };
    path.path.get_ident().is_some_and(|name| {
        (name == "omit" || name == "none") && !scope.bindings.iter().any(|binding| binding.name == *name)
    })
}

fn error_code(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Option<Field> {
    let value = args.value("error_code")?;
    mistakes.ok(of_failure("error_code", args));
    Some(of_error("error_code", value, args, scope, mistakes))
}

fn of_error(name: &str, value: &Expr, args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Field {
    let when = mistakes.ok(when(value, args, scope)).unwrap_or(When::Before);
    if let When::Success(Some(result)) = &when
        && !decides(args)
    {
        mistakes.push(syn::Error::new(result.span(), "a call that failed has no `result`; name `error`"));
    }
    Field { name: name.to_owned(), value: value.clone(), span: value.span(), when }
}

/// Keys that describe a failure need `on` to record one.
fn of_failure(key: &str, args: &Args) -> syn::Result<()> {
    if args.on().failure() {
        return Ok(());
    }
    let message = format!(
        "`{key}` is about a call that failed, and only success is recorded; add `on = \"failure\"` or `on = \"both\"`"
    );
    Err(syn::Error::new(args.key(key).map_or(args.span, Ident::span), message))
}

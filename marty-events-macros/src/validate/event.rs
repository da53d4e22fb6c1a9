//! Rules about one event: its id, its data, its words.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, Ident, Index, LitStr, Path, spanned::Spanned};

use crate::{
    args::{Args, Data, Delivery, Errors, IdField, Kind, choice, literal},
    expression::{is_constant, names_result},
    method::{Method, plain},
    model::{Call, Event, Field, Id, Value},
    names::suggestion,
};

pub(super) fn event(args: &Args, method: &Method, krate: &Path, errors: &mut Errors) -> Event {
    let id = match &args.id {
        Some(IdField::Path(path)) => errors.ok(id(args.kind, path, method)),
        Some(IdField::None) | None => None,
    };
    let (data, data_is_whole) = data(args);
    reserved(method, &data, errors);
    Event {
        kind: args.kind,
        span: args.span,
        new: constructor(args, errors),
        id,
        data,
        data_is_whole,
        calls: calls(args, krate, errors),
        is_direct: args.delivery == Some(Delivery::Direct),
    }
}

/// `"user_id"`, `"request.user.id"`, `"self.tenant_id"`, `"result.id"`
fn id(kind: Kind, path: &LitStr, method: &Method) -> syn::Result<Id> {
    let key = kind.id_key();
    let text = path.value();
    let mut segments = text.split('.');
    let first = segments.next().unwrap_or_default();
    let root = root(key, path, first, method)?;
    let mut expression = root.into_token_stream();
    for segment in segments {
        let field = field(segment, path.span()).ok_or_else(|| {
            syn::Error::new(
                path.span(),
                format!("`{segment}` in `{key}` is no field; write a path such as \"request.user.id\""),
            )
        })?;
        expression = quote_spanned!(path.span()=> #expression.#field);
    }
    Ok(Id { expression, span: path.span(), is_of_result: first == "result" })
}

/// What the path begins with: an argument's own token (so that it means what the body means by it), shown at the path.
fn root(key: &str, path: &LitStr, first: &str, method: &Method) -> syn::Result<Ident> {
    let bindings = method.bindings();
    if first == "result" {
        return Ok(Ident::new("__result", path.span().resolved_at(Span::mixed_site())));
    }
    if first == "self" && method.has_receiver() {
        let receiver = method.signature.receiver().map_or_else(Span::call_site, |receiver| receiver.self_token.span());
        return Ok(Ident::new("self", path.span().resolved_at(receiver)));
    }
    if let Some(argument) = bindings.iter().find(|name| plain(name) == first) {
        let mut argument = argument.clone();
        argument.set_span(path.span().resolved_at(argument.span()));
        return Ok(argument);
    }
    let names: Vec<String> = bindings.iter().map(plain).collect();
    let hint = suggestion(first, names.iter().map(String::as_str), "the arguments are");
    let problem = if first.is_empty() { format!("`{key}` is empty") } else { format!("no argument `{first}`") };
    Err(syn::Error::new(path.span(), format!("{problem}{hint}")))
}

fn field(segment: &str, span: Span) -> Option<TokenStream> {
    if let Ok(index) = segment.parse::<u32>() {
        return Some(Index { index, span }.into_token_stream());
    }
    let mut name: Ident = syn::parse_str(segment).ok()?;
    name.set_span(span);
    Some(name.into_token_stream())
}

fn data(args: &Args) -> (Vec<Field>, bool) {
    let of = |name: String, value: &Expr| Field {
        name,
        value: value.clone(),
        span: value.span(),
        result: names_result(value),
    };
    match &args.data {
        None => (Vec::new(), false),
        Some(Data::Whole(value)) => (vec![of("data".to_owned(), value)], true),
        Some(Data::Fields(fields)) => (fields.iter().map(|(name, value)| of(plain(name), value)).collect(), false),
    }
}

/// An argument called `result` could be meant by it just as well.
fn reserved(method: &Method, data: &[Field], errors: &mut Errors) {
    let taken = method.bindings().iter().any(|name| name == "result");
    if let Some(used) = data.iter().filter_map(|field| field.result.as_ref()).find(|_| taken) {
        let message = "`result` is the value in `Ok` here, and an argument has the same name; rename the argument";
        errors.push(syn::Error::new(used.span(), message));
    }
}

/// The arguments of the event's constructor.
fn constructor(args: &Args, errors: &mut Errors) -> Vec<Value> {
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
            errors.ok(topic_part(key, &text));
        }
    }
    keys.iter().filter_map(|key| args.value(key)).map(value).collect()
}

/// Kafka's topic names are made of `a-zA-Z0-9._-`, 249 at the most.
fn topic_part(key: &str, text: &LitStr) -> syn::Result<()> {
    let value = text.value();
    let refuse = |problem: String| {
        Err(syn::Error::new(text.span(), format!("`{key}` is part of a Kafka topic's name, and {problem}")))
    };
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if value.is_empty() {
        return refuse("it is empty; write for example \"user\"".to_owned());
    }
    if let Some(bad) = value.chars().find(|&letter| !is_letter(letter)) {
        return refuse(format!("`{bad}` cannot stand in one; write letters, digits, `.`, `_` or `-`"));
    }
    if 249 < value.len() {
        return refuse(format!("{} letters are too many; 249 are allowed for the whole name", value.len()));
    }
    Ok(())
}

/// A text may hold `{name}`, as in `format!`; anything but a constant is taken before the body.
fn value(expression: &Expr) -> Value {
    let span = expression.span();
    match literal(expression) {
        Some(text) if text.value().contains(['{', '}']) => {
            Value { expression: quote_spanned!(span=> ::std::format!(#text)), is_early: true, span }
        }
        _ => Value { expression: expression.to_token_stream(), is_early: !is_constant(expression), span },
    }
}

fn calls(args: &Args, krate: &Path, errors: &mut Errors) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut word = |key: &'static str, enumeration: &str, words: &[(&str, &str)], calls: &mut Vec<Call>| {
        let Some(given) = args.value(key) else { return };
        let key_name = Ident::new(key, given.span());
        if let Some(variant) = errors.ok(choice(&key_name, given, words)) {
            let (enumeration, variant) =
                (Ident::new(enumeration, Span::mixed_site()), Ident::new(variant, Span::mixed_site()));
            let expression = quote_spanned!(Span::mixed_site()=> #krate::__private::#enumeration::#variant);
            calls.push(Call { method: key, argument: Value { expression, is_early: false, span: given.span() } });
        }
    };
    let levels = [("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical")];
    let priorities = [("low", "Low"), ("normal", "Normal"), ("high", "High"), ("critical", "Critical")];
    word("priority", "EventPriority", &priorities, &mut calls);
    word("risk_level", "RiskLevel", &levels, &mut calls);
    word("ordering", "EventOrdering", &[("key", "Key"), ("none", "None")], &mut calls);
    for key in ["event_version", "subject", "message"] {
        if let Some(given) = args.value(key) {
            calls.push(Call { method: key, argument: value(given) });
        }
    }
    if !args.tags.is_empty() {
        let tags = &args.tags;
        let expression = quote_spanned!(args.span=> [#(#tags),*]);
        calls.push(Call { method: "compliance_tags", argument: Value { expression, is_early: true, span: args.span } });
    }
    calls
}

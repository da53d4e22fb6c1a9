//! The description of a method's events for the catalogue. Without the library's feature it expands to nothing.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Path};

use crate::{
    method::model::{Event, Handle, Model, Moment, Value},
    syntax::{args::On, kind::Kind},
};

/// Statements for each event. They name no argument and no generic type, because each stands in an item of its own.
pub(super) fn describe(model: &Model, private: &TokenStream) -> TokenStream {
    let documentation = documentation(&model.method.attributes);
    model.events.iter().map(|event| one(model, event, &documentation, private)).collect()
}

/// The parts of a description that depend on the outcome.
struct Published<'a> {
    topic: String,
    event_type: String,
    /// Fields of the data beside those of the attribute, which are in each event: `null` where the outcome has no value for them.
    required: &'a [&'static str],
    optional: &'a [&'static str],
    route: &'static str,
}

/// The fields that the record of a failure has besides.
const OF_FAILURE: [&str; 2] = ["outcome", "error_message"];

fn one(model: &Model, event: &Event, documentation: &str, private: &TokenStream) -> TokenStream {
    let word = |index: usize| event.new.get(index).and_then(literal).unwrap_or_else(|| "*".to_owned());
    // The record of a failure never takes the caller's transaction.
    let route = if event.on.success() { route(model, event) } else { "direct" };
    let route = if event.on == On::Both && route != "direct" { "signature" } else { route };
    let published = |topic: String, event_type| Published { topic, event_type, required: &[], optional: &[], route };
    let (kind, published) = match event.kind {
        Kind::Audit => ("audit", vec![published("audit.events".to_owned(), enumeration(event, "AuditEventType"))]),
        Kind::Notification => {
            let event_type = enumeration(event, "NotificationEventType");
            ("notification", vec![published("notification.events".to_owned(), event_type)])
        }
        Kind::Domain => {
            let of = |event_type: String| {
                let topic = format!("{{service}}.{}.{event_type}", word(0)).to_ascii_lowercase();
                published(topic, event_type)
            };
            let success = event.on.success().then(|| Published { route: self::route(model, event), ..of(word(1)) });
            // A type that is known at run time stands for both.
            let failed = if word(1) == "*" { word(1) } else { format!("{}_failed", word(1)) };
            let failure = || Published { required: &OF_FAILURE, route: "direct", ..of(failed) };
            ("domain", success.into_iter().chain(event.on.failure().then(failure)).collect())
        }
        Kind::Custom => {
            let (required, optional): (&[_], &[_]) = match event.on {
                On::Success => (&[], &[]),
                On::Failure => (&OF_FAILURE, &[]),
                On::Both => (&[], &OF_FAILURE),
            };
            ("custom", vec![Published { required, optional, ..published(word(0), word(1)) }])
        }
    };
    let shared = shared(event, documentation);
    let describe = |published: Published<'_>| {
        let Published { topic, event_type, required, optional, route } = published;
        let names = event.data.iter().map(|field| field.name.as_str()).chain(required.iter().copied());
        let has_fields = !event.data_is_whole && names.clone().next().is_some();
        let fields = has_fields.then(|| quote!(.fields(&[#(#names),*], &[#(#optional),*])));
        quote_spanned! {Span::mixed_site()=>
            #private::describe! { Published::new(#kind, #topic, #event_type)#shared.route(#route)#fields }
        }
    };
    published.into_iter().map(describe).collect()
}

/// Parts that do not depend on the outcome.
fn shared(event: &Event, documentation: &str) -> TokenStream {
    let mut calls = TokenStream::new();
    if let Some(id) = &event.id {
        let text = &id.text;
        calls.extend(quote!(.key(#text)));
    }
    if let Some(value) = argument(event, "event_version") {
        let version = number(&value.expression).unwrap_or(UNKNOWN_VERSION);
        calls.extend(quote!(.version(#version)));
    }
    if let Some(value) = argument(event, "ordering")
        && let Some(TokenTree::Ident(word)) = value.expression.clone().into_iter().last()
    {
        let word = word.to_string().to_ascii_lowercase();
        calls.extend(quote!(.ordering(#word)));
    }
    if !documentation.is_empty() {
        calls.extend(quote!(.documentation(#documentation)));
    }
    calls
}

/// The word of a variant that is named by its enumeration: `AuditEventType::DataCreated` is `data.created`. The variant itself is not named, or a
/// variant that does not exist would be reported twice.
fn enumeration(event: &Event, name: &str) -> String {
    let unknown = || "*".to_owned();
    let Some(value) = event.new.first() else { return unknown() };
    if let Some(text) = literal(value) {
        return text;
    }
    let Ok(path) = syn::parse2::<Path>(value.expression.clone()) else { return unknown() };
    let mut segments = path.segments.iter().rev();
    let (Some(variant), Some(owner)) = (segments.next(), segments.next()) else { return unknown() };
    if owner.ident != name || !matches!(value.when, Moment::InPlace) {
        return unknown();
    }
    dotted(&variant.ident.to_string())
}

/// The words of a name in camel case, with dots between.
fn dotted(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('.');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// The version of an expression that is known at run time.
const UNKNOWN_VERSION: u32 = 0;

fn route(model: &Model, event: &Event) -> &'static str {
    match &model.handle {
        _ if event.is_direct => "direct",
        Handle::None => "direct",
        Handle::Argument { .. } | Handle::Place(_) => "outbox",
        Handle::ByType { arguments, .. } => {
            let is_outbox =
                model.outbox_demanded.is_some() || arguments.iter().any(|argument| argument.resembles_handle);
            if is_outbox { "outbox" } else { "signature" }
        }
    }
}

fn argument<'a>(event: &'a Event, method: &str) -> Option<&'a Value> {
    event.calls.iter().find(|call| call.method == method).map(|call| &call.argument)
}

/// A text that is written out and holds no `{name}`.
fn literal(value: &Value) -> Option<String> {
    if !matches!(value.when, Moment::InPlace) {
        return None;
    }
    match syn::parse2::<Expr>(value.expression.clone()).ok()? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn number(expression: &TokenStream) -> Option<u32> {
    match syn::parse2::<Expr>(expression.clone()).ok()? {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        _ => None,
    }
}

/// The first paragraph of the doc comment.
fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.skip_while(String::is_empty).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

//! The description of a method's events for the catalogue. Without the library's feature it expands to nothing.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Path};

use crate::{
    method::model::{Event, Handle, Model, Moment, Value, When},
    syntax::kind::Kind,
};

/// A statement for each event. It names no argument and no generic type, because it stands in an item of its own.
pub(super) fn describe(model: &Model, private: &TokenStream) -> TokenStream {
    let documentation = documentation(&model.method.attributes);
    model.events.iter().map(|event| one(model, event, &documentation, private)).collect()
}

fn one(model: &Model, event: &Event, documentation: &str, private: &TokenStream) -> TokenStream {
    let word = |index: usize| event.new.get(index).and_then(literal).unwrap_or_else(|| "*".to_owned());
    let (kind, topic, event_type) = match event.kind {
        Kind::Audit => ("audit", "audit.events".to_owned(), enumeration(event, "AuditEventType")),
        Kind::Notification => {
            ("notification", "notification.events".to_owned(), enumeration(event, "NotificationEventType"))
        }
        Kind::Domain => {
            let topic = format!("{{service}}.{}.{}", word(0), word(1)).to_ascii_lowercase();
            ("domain", topic, word(1))
        }
        Kind::Custom => ("custom", word(0), word(1)),
    };
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
    let route = route(model, event);
    calls.extend(quote!(.route(#route)));
    if !event.data.is_empty() && !event.data_is_whole {
        // A field that needs a result is absent from events of failures, and the other way round.
        let is_always = |when: &When| match when {
            When::Before => true,
            When::Success(_) => !event.on.failure(),
            When::Failure(_) => !event.on.success(),
        };
        let names =
            |always| event.data.iter().filter(move |field| is_always(&field.when) == always).map(|field| &field.name);
        let (required, optional) = (names(true), names(false));
        calls.extend(quote!(.fields(&[#(#required),*], &[#(#optional),*])));
    }
    if !documentation.is_empty() {
        calls.extend(quote!(.documentation(#documentation)));
    }
    quote_spanned! {Span::mixed_site()=>
        #private::describe! { Published::new(#kind, #topic, #event_type)#calls }
    }
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

//! The description of a method's events for the catalogue. Without the library's feature there is none.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, Path};

use super::Private;
use crate::{
    method::model::{Event, Handle, Model, Moment, Value},
    syntax::{args::On, documentation::documentation, kind::Kind},
};

/// Statements for each event. They name no argument and no generic type, because each stands in an item of its own.
pub(super) fn describe(model: &Model, private: &Private) -> TokenStream {
    if !crate::DESCRIBES {
        return TokenStream::new();
    }
    let documentation = documentation(&model.method.attributes);
    let one = |event: &Event| match &event.typed {
        Some(field) => typed(model, event, &field.value, private),
        None => one(model, event, &documentation, private),
    };
    model.events.iter().map(one).collect()
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

fn one(model: &Model, event: &Event, documentation: &str, private: &Private) -> TokenStream {
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

/// The type describes its event; the attribute adds its route, and the record of a failure. An expression that does not name its type adds nothing.
fn typed(model: &Model, event: &Event, value: &Expr, private: &Private) -> TokenStream {
    let path = type_path(value);
    if path.is_empty() {
        return TokenStream::new();
    }
    let kind = if event.kind == Kind::Custom { "custom" } else { "domain" };
    let route = event.on.success().then(|| route(model, event)).map(|route| quote!(.on_success(#route)));
    let failure = event.on.failure().then(|| quote!(.on_failure()));
    let ordering = ordering(event);
    quote_spanned! {Span::mixed_site()=>
        #private::describe! { use Use::new(#kind, &[#(#path),*]) #route #failure #ordering }
    }
}

/// The names of a path to the type: `events::Revoked { .. }`, `Lifecycle::Issued { .. }`, `Revoked::new(..)`.
fn type_path(value: &Expr) -> Vec<String> {
    let names = |path: &Path| path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>();
    match value {
        Expr::Struct(literal) => names(&literal.path),
        Expr::Call(call) => match &*call.func {
            Expr::Path(function) => {
                let mut names = names(&function.path);
                names.pop();
                names
            }
            _ => Vec::new(),
        },
        Expr::MethodCall(call) => type_path(&call.receiver),
        Expr::Reference(reference) => type_path(&reference.expr),
        Expr::Paren(inner) => type_path(&inner.expr),
        Expr::Group(inner) => type_path(&inner.expr),
        _ => Vec::new(),
    }
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
    calls.extend(ordering(event));
    if !documentation.is_empty() {
        calls.extend(quote!(.documentation(#documentation)));
    }
    calls
}

fn ordering(event: &Event) -> Option<TokenStream> {
    let value = argument(event, "ordering")?;
    let Some(TokenTree::Ident(word)) = value.expression.clone().into_iter().last() else { return None };
    let word = word.to_string().to_ascii_lowercase();
    Some(quote!(.ordering(#word)))
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
            if model.outbox_demanded.is_some() || arguments.iter().any(|argument| argument.resembles_handle) {
                "outbox"
            } else if arguments.iter().any(|argument| argument.is_mut_ref) {
                "signature"
            } else {
                // A handle that is not written as `&mut ..` does not compile.
                "direct"
            }
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

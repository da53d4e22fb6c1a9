//! Rules: each is a function, and all the mistakes of an attribute are reported at once.

mod event;
mod handle;
mod manifest;
mod path;
mod publish_error;
mod scope;
mod shape;
mod success;
mod template;
mod used_after;
mod values;

use proc_macro2::{Span, TokenStream};
use syn::{Path, parse_quote};

use super::{
    async_shape::Shape,
    fallback::absorbed,
    model::{Event, Model},
    signature::{Binding, Method, bindings, conditions},
};
use crate::syntax::{args::Args, kind::Kind, mistakes::Mistakes};
use scope::Scope;

/// Reads an attribute and the function below it, with the other event attributes of that function.
pub(crate) fn model(kind: Kind, args: TokenStream, item: TokenStream) -> syn::Result<Model> {
    let mut method: Method = syn::parse2(item).map_err(|error| not_a_function(&error))?;
    let mut mistakes = Mistakes::default();
    let others = method.take_event_attributes();
    let absorbed = absorbed(&others);
    let own = std::iter::once((kind, Span::call_site(), args));
    let given: Vec<Given> = own
        .chain(others.into_iter().map(|(kind, attribute)| {
            let span = syn::spanned::Spanned::span(attribute.path());
            let tokens = match attribute.meta {
                syn::Meta::List(list) => list.tokens,
                _ => TokenStream::new(),
            };
            (kind, span, tokens)
        }))
        .collect();
    let attributes: Vec<Args> = distinct(given, &mut mistakes)
        .into_iter()
        .filter_map(|(kind, span, tokens)| Args::parse(kind, span, tokens, &mut mistakes))
        .collect();

    let (inner, shape) = mistakes.ok(shape::shape(&method)).unzip();
    let krate = crate_path(&attributes);
    let names = names(&method, shape.as_ref());
    let scope = Scope { bindings: &names, method: &method, krate: &krate };
    let events: Vec<Event> = attributes.iter().map(|args| event::event(args, &scope, &mut mistakes)).collect();
    let used_after = used_after::used_after(&events, &attributes);
    let handle = handle::handle(&attributes, &mut method, &used_after, &mut mistakes);
    let (strict, logging_demanded) = publish_error::publish_error(&attributes, &mut mistakes);
    mistakes.finish()?;
    let Some(shape) = shape else { return Err(syn::Error::new(Span::call_site(), "the function is not async")) };
    Ok(Model {
        capture: used_after::capture(names, &used_after),
        krate,
        absorbed,
        inner: inner.unwrap_or_default(),
        shape,
        events,
        handle,
        outbox_demanded: handle::outbox_demanded(&attributes),
        delivery_demanded: handle::delivery_demanded(&attributes),
        strict,
        logging_demanded,
        method,
    })
}

type Given = (Kind, Span, TokenStream);

/// Each attribute publishes an event of its own, so the second of two equal ones is a mistake.
fn distinct(given: Vec<Given>, mistakes: &mut Mistakes) -> Vec<Given> {
    let text = |tokens: &TokenStream| tokens.to_string().trim_end_matches([',', ' ']).to_owned();
    let mut kept: Vec<Given> = Vec::new();
    for (kind, span, tokens) in given {
        if kept.iter().any(|(other, _, others)| *other == kind && text(others) == text(&tokens)) {
            let message = format!(
                "the same `{}` stands above, and the method would publish its event twice; remove one",
                kind.name()
            );
            mistakes.push(syn::Error::new(span, message));
        } else {
            kept.push((kind, span, tokens));
        }
    }
    kept
}

fn crate_path(attributes: &[Args]) -> Path {
    attributes.iter().find_map(|args| args.krate.clone()).unwrap_or_else(|| parse_quote!(::marty_events))
}

fn names(method: &Method, shape: Option<&Shape>) -> Vec<Binding> {
    let mut names = method.bindings();
    for taken in shape.into_iter().flat_map(Shape::patterns) {
        bindings(&taken.pat, &conditions(&taken.attrs), &mut names);
    }
    names
}

fn not_a_function(error: &syn::Error) -> syn::Error {
    syn::Error::new(error.span(), format!("an event attribute belongs on an async function or method ({error})"))
}

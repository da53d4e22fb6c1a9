//! Rules: each is a function, and all the mistakes of an attribute are reported at once.

mod event;
mod route;
mod signature;

use proc_macro2::{Span, TokenStream};

use crate::{
    args::{Args, Errors, Kind, OnPublishError},
    crate_path::crate_path,
    fallback::absorbed,
    method::Method,
    model::Model,
};

/// Reads an attribute and the function below it, with the other event attributes of that function.
pub(crate) fn model(kind: Kind, args: TokenStream, item: TokenStream) -> syn::Result<Model> {
    let mut method: Method = syn::parse2(item).map_err(|error| not_a_function(&error))?;
    let mut errors = Errors::default();
    let others = method.take_event_attributes();
    let absorbed = absorbed(&others);
    let own = std::iter::once((kind, Span::call_site(), Some(args)));
    let attributes: Vec<Args> = own
        .chain(others.into_iter().map(|(kind, attribute)| {
            let span = syn::spanned::Spanned::span(attribute.path());
            let tokens = match attribute.meta {
                syn::Meta::List(list) => Some(list.tokens),
                _ => Some(TokenStream::new()),
            };
            (kind, span, tokens)
        }))
        .filter_map(|(kind, span, tokens)| Args::parse(kind, span, tokens.unwrap_or_default(), &mut errors))
        .collect();

    errors.ok(signature::is_async(&method));
    let body = errors.ok(signature::body(&method));
    let krate = crate_path(&attributes);
    let events = attributes.iter().map(|args| event::event(args, &method, &krate, &mut errors)).collect();
    let handle = route::handle(&attributes, &mut method, &mut errors);
    let policy = |wanted| {
        attributes
            .iter()
            .find_map(|args| args.on_publish_error.filter(|(policy, _)| *policy == wanted))
            .map(|(_, at)| at)
    };
    let model = body.map(|body| Model {
        krate,
        absorbed,
        body,
        events,
        handle,
        outbox_demanded: route::outbox_demanded(&attributes),
        strict: policy(OnPublishError::Fail).is_some(),
        logging_demanded: policy(OnPublishError::Log),
        method,
    });
    errors.finish()?;
    model.ok_or_else(|| syn::Error::new(Span::call_site(), "the function has no body"))
}

fn not_a_function(error: &syn::Error) -> syn::Error {
    syn::Error::new(error.span(), format!("an event attribute belongs on an async function or method ({error})"))
}

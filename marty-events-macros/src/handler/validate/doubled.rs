//! Two handlers of one event.

use quote::ToTokens;
use syn::{GenericArgument, LitStr, PathArguments, Type};

use super::{
    super::model::{Handler, Selection},
    arguments::peeled,
};

/// The advice to a second handler.
const ONCE: &str = "a group handles an event once, so call both from one handler";

/// The error for an event that both are for, at the second. Aliases and the topics of typed events are compared by generated code.
pub(super) fn doubled(before: &Handler, handler: &Handler) -> Option<syn::Error> {
    let other = &before.name;
    if !before.conditions.is_empty() || !handler.conditions.is_empty() {
        return None;
    }
    match (&before.selection, &handler.selection) {
        (Selection::Typed, Selection::Typed) => {
            let (first, ty) = (payload(before.event()?), payload(handler.event()?));
            let is_same = first.to_token_stream().to_string() == ty.to_token_stream().to_string();
            let message = format!("`{}` has a handler above, `{other}`; {ONCE}", ty.to_token_stream());
            is_same.then(|| syn::Error::new_spanned(ty, message))
        }
        (
            Selection::Named { topic: first, event_types: before_types, .. },
            Selection::Named { topic, event_types, .. },
        ) if first.value() == topic.value() => {
            let place = doubled_type(before_types, event_types, topic)?;
            let is_of_all = event_types.is_empty() || before_types.is_empty();
            let (subject, has) = if is_of_all {
                (format!("events of the topic `{}`", topic.value()), "have")
            } else {
                (format!("`{}`", place.value()), "has")
            };
            let cure = if event_types.is_empty() == before_types.is_empty() {
                ONCE
            } else {
                "name the types of both with `event_type`"
            };
            Some(syn::Error::new(place.span(), format!("{subject} {has} a handler above, `{other}`; {cure}")))
        }
        _ => None,
    }
}

/// The place of a type that both have. A handler without types is for all of the topic.
fn doubled_type<'a>(before: &[LitStr], types: &'a [LitStr], topic: &'a LitStr) -> Option<&'a LitStr> {
    if before.is_empty() || types.is_empty() {
        return Some(topic);
    }
    types.iter().find(|name| before.iter().any(|other| other.value() == name.value()))
}

/// `T` of `Received<T>` and of `Vec<Received<T>>`; an alias is itself.
fn payload(ty: &Type) -> &Type {
    let Type::Path(path) = peeled(ty) else { return ty };
    let Some(segment) = path.path.segments.last() else { return ty };
    if segment.ident != "Received" && segment.ident != "Vec" {
        return ty;
    }
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return ty };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => payload(inner),
        _ => ty,
    }
}

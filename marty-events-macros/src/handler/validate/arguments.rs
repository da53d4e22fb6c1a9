//! The arguments of a handler: one event, and one transaction unless `inbox = none`.

use syn::{FnArg, Signature, Type};

use super::super::{keys::Keys, model::Argument};
use crate::syntax::mistakes::Mistakes;

/// The mistake of an argument that is a pool, or a connection of one.
const POOL: &str = "a pool has transactions of its own, and the event could have its effect twice; take the handler's: `tx: &mut Transaction<'_, Postgres>`";

pub(super) fn arguments(signature: &Signature, keys: &Keys, mistakes: &mut Mistakes) -> Option<Vec<Argument>> {
    let mut arguments: Vec<Argument> = Vec::new();
    let mut is_faulty = false;
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        match argument(&input.ty).and_then(|argument| only(&arguments, argument, &input.ty)) {
            Ok(argument) => arguments.push(argument),
            Err(error) => {
                is_faulty = true;
                mistakes.push(error);
            }
        }
    }
    if is_faulty {
        return None;
    }
    let name = &signature.ident;
    if !arguments.iter().any(|argument| matches!(argument, Argument::Event(_))) {
        let message = "a handler takes the event; write the argument `event: Received<T>`, or `events: Vec<Received<T>>` for a batch";
        mistakes.push(syn::Error::new(name.span(), message));
        return None;
    }
    let handle = arguments.iter().find_map(|argument| match argument {
        Argument::Handle(ty) => Some(ty),
        Argument::Event(_) => None,
    });
    match (handle, keys.no_inbox) {
        (None, None) if keys.place("inbox").is_none() => {
            let message = format!(
                "`{name}` has no transaction, so it may run more than once for an event; write the argument `tx: &mut Transaction<'_, Postgres>`, or accept it with `inbox = none`"
            );
            mistakes.push(syn::Error::new(name.span(), message));
            None
        }
        (Some(_), Some(place)) => {
            let message = "the handler has a transaction, and so an inbox; leave `inbox = none` out, or the argument";
            mistakes.push(syn::Error::new(place, message));
            None
        }
        _ => Some(arguments),
    }
}

/// An argument by its form: `&mut` is the transaction, and a value is the event.
fn argument(ty: &Type) -> syn::Result<Argument> {
    match peeled(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => match peeled(&reference.elem) {
            Type::ImplTrait(_) | Type::TraitObject(_) => {
                let message = "nobody names the type of this transaction; write it: `&mut Transaction<'_, Postgres>`";
                Err(syn::Error::new_spanned(&reference.elem, message))
            }
            elem if is_pool(elem) => Err(syn::Error::new_spanned(ty, POOL)),
            elem => Ok(Argument::Handle(elem.clone())),
        },
        Type::Reference(reference) => {
            let message = match last(&reference.elem).as_deref() {
                Some("Received") => "the event is the handler's own; write `Received<T>` without `&`",
                _ if is_pool(&reference.elem) => POOL,
                _ => {
                    "a handler takes the event, `Received<T>`, and its transaction, `&mut Transaction<'_, Postgres>`; keep anything else in `self`"
                }
            };
            Err(syn::Error::new_spanned(ty, message))
        }
        Type::ImplTrait(_) => {
            let message = "nobody names the type of this argument; write `Received<T>`";
            Err(syn::Error::new_spanned(ty, message))
        }
        own => match last(own).as_deref() {
            _ if is_pool(own) => Err(syn::Error::new_spanned(ty, POOL)),
            Some("Transaction") => {
                let message =
                    "the transaction is the consumer's, which commits it; write `&mut Transaction<'_, Postgres>`";
                Err(syn::Error::new_spanned(ty, message))
            }
            _ => Ok(Argument::Event(ty.clone())),
        },
    }
}

/// The argument, unless there is one of its kind.
fn only(before: &[Argument], argument: Argument, ty: &Type) -> syn::Result<Argument> {
    let is_double = before.iter().any(|other| {
        matches!(
            (other, &argument),
            (Argument::Event(_), Argument::Event(_)) | (Argument::Handle(_), Argument::Handle(_))
        )
    });
    let message = match &argument {
        _ if !is_double => return Ok(argument),
        Argument::Event(_) => "a handler takes one event; write a method for each, or `Vec<Received<T>>` for a batch",
        Argument::Handle(_) => "a handler has one transaction; leave one of the two arguments",
    };
    Err(syn::Error::new_spanned(ty, message))
}

/// `PgPool`, `Pool<Postgres>`, `PoolConnection<Postgres>`
fn is_pool(ty: &Type) -> bool {
    last(ty).is_some_and(|name| name.ends_with("Pool") || name == "PoolConnection")
}

/// The last name of a path.
fn last(ty: &Type) -> Option<String> {
    match peeled(ty) {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
}

/// `$ty:ty` of a `macro_rules!` comes in an invisible group.
pub(super) fn peeled(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peeled(&group.elem),
        Type::Paren(paren) => peeled(&paren.elem),
        other => other,
    }
}

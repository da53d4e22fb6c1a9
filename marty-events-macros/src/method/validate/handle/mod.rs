//! Rules about the transaction handle: the argument or place that the event is written in.

mod bounds;
mod hidden;
mod resemblance;
mod returned;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Expr, FnArg, Pat, ReceiverKind, Type, spanned::Spanned};

use super::{manifest, used_after::UsedAfter};
use crate::{
    method::{
        model::{Argument, Handle},
        signature::{Method, conditions, is_mut_ref, peel},
    },
    syntax::{
        args::{Args, Delivery},
        identifier::plain,
        kind::Kind,
        mistakes::Mistakes,
    },
};

pub(super) fn handle(
    attributes: &[Args],
    method: &mut Method,
    used_after: &UsedAfter,
    mistakes: &mut Mistakes,
) -> Handle {
    for args in attributes.iter().filter(|args| args.is(Delivery::Direct)) {
        if let Some(transaction) = &args.transaction {
            let message = "`delivery = \"direct\"` uses no transaction; leave one of the two";
            mistakes.push(syn::Error::new_spanned(transaction, message));
        }
    }
    let mut named = attributes.iter().filter_map(|args| args.transaction.as_ref());
    if let Some(place) = named.next() {
        let text = |place: &Expr| quote!(#place).to_string();
        for other in named.filter(|other| text(other) != text(place)) {
            let message =
                "another attribute of this method names another transaction; the events of one call go in one";
            mistakes.push(syn::Error::new_spanned(other, message));
        }
        return named_handle(place, method);
    }
    // Failure events use no handle.
    if attributes.iter().all(|args| args.is(Delivery::Direct) || !args.on().success()) {
        return Handle::None;
    }
    let unnamed = unnamed(method);
    let mut hidden = hidden::hidden(&method.signature);
    let arguments = arguments(method, used_after);
    // Such an argument is the handle, or it is refused: nothing is left to doubt.
    if arguments
        .iter()
        .any(|argument| argument.conditions.is_empty() && (argument.resembles_handle || argument.is_opaque))
    {
        hidden.clear();
    }
    Handle::ByType { arguments, receiver: receiver(method), unnamed, hidden }
}

pub(super) fn outbox_demanded(attributes: &[Args]) -> Option<Span> {
    attributes.iter().find(|args| args.is(Delivery::Outbox)).map(|args| args.span)
}

pub(super) fn delivery_demanded(attributes: &[Args]) -> Option<Span> {
    let silent = |args: &&Args| args.kind == Kind::Domain && args.delivery.is_none() && args.on().success();
    attributes.iter().find(silent).filter(|_| manifest::requires_delivery()).map(|args| args.span)
}

fn named_handle(place: &Expr, method: &mut Method) -> Handle {
    let named = match place {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    };
    for input in &mut method.signature.inputs {
        if let FnArg::Typed(argument) = input
            && is_mut_ref(&argument.ty)
            && let Pat::Ident(pattern) = &mut *argument.pat
            && named == Some(&pattern.ident)
        {
            return Handle::Argument { name: pattern.ident.clone(), is_mutable: pattern.mutability.take().is_some() };
        }
    }
    Handle::Place(place.clone())
}

/// The named arguments that can be a handle: asking a type costs the compiler more than anything else of an attribute. Takes the `mut`
/// off those that the body gets under a new binding.
fn arguments(method: &mut Method, used_after: &UsedAfter) -> Vec<Argument> {
    let generics = method.signature.generics.clone();
    let returned = returned::lifetimes(&method.signature);
    let mut arguments = Vec::new();
    for input in &mut method.signature.inputs {
        let FnArg::Typed(argument) = input else { continue };
        let Pat::Ident(pattern) = &mut *argument.pat else { continue };
        let resembles_handle = resemblance::resembles_handle(&argument.ty, &generics);
        let is_shared = matches!(peel(&argument.ty), Type::Reference(reference) if reference.mutability.is_none());
        if hidden::is_plain(&argument.ty) || is_shared && !resembles_handle {
            continue;
        }
        let is_mut_ref = is_mut_ref(&argument.ty);
        let is_mutable = is_mut_ref && pattern.mutability.take().is_some();
        arguments.push(Argument {
            name: pattern.ident.clone(),
            ty: (*argument.ty).clone(),
            conditions: conditions(&argument.attrs),
            is_mut_ref,
            is_mutable,
            is_opaque: bounds::is_opaque(&argument.ty, &generics),
            resembles_handle,
            is_returned: returned.borrows_from(&argument.ty),
            is_used_after: used_after.contains(&plain(&pattern.ident)),
        });
    }
    arguments
}

/// `(tx, id): (&mut Transaction<'_, Postgres>, u64)`, `_: &mut Transaction<'_, Postgres>`
fn unnamed(method: &Method) -> Vec<(Type, Vec<Attribute>)> {
    let generics = &method.signature.generics;
    let unnamed = method.signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) if !matches!(*argument.pat, Pat::Ident(_)) => Some(argument),
        _ => None,
    });
    unnamed
        .filter(|argument| resemblance::resembles_handle(&argument.ty, generics))
        .map(|argument| ((*argument.ty).clone(), conditions(&argument.attrs)))
        .collect()
}

/// `self`, `&mut self`, `self: &mut Self`: a unit of work's own method.
fn receiver(method: &Method) -> Option<(TokenStream, Span)> {
    let receiver = method.signature.receiver()?;
    let span = receiver.self_token.span();
    let ty = match &receiver.kind {
        ReceiverKind::Value => quote_spanned!(span=> Self),
        ReceiverKind::Reference(_, _, Some(_)) => quote_spanned!(span=> &mut Self),
        ReceiverKind::Typed(_, ty) if is_mut_ref(ty) => quote!(#ty),
        _ => return None,
    };
    Some((ty, span))
}

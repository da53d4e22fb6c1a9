//! Rules of a block of handlers. All the mistakes of a block are reported at once.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{
    FnArg, GenericArgument, GenericParam, LitStr, PathArguments, ReceiverKind, ReturnType, Signature, Type,
    parse_quote, spanned::Spanned,
};

use super::{
    METHOD,
    block::{Block, Method},
    keys::{self, Keys},
    model::{Argument, Handler, Model, Selection},
};
use crate::syntax::{mistakes::Mistakes, topic::topic_part};

/// The mistake of an argument that is a pool, or a connection of one.
const POOL: &str = "a pool has transactions of its own, and the event could have its effect twice; take the handler's: `tx: &mut Transaction<'_, Postgres>`";

pub(super) fn model(args: TokenStream, block: &mut Block) -> syn::Result<Model> {
    let mut mistakes = Mistakes::default();
    let krate = keys::krate(args, &mut mistakes);
    if let Some((of, _)) = &block.item.trait_ {
        let message = "handlers are methods of the type itself; write them in an `impl` block without a trait";
        mistakes.push(syn::Error::new_spanned(of, message));
    } else if block.methods.is_empty() {
        let message = format!("no method of this block is a handler; write `#[{METHOD}]` above one");
        mistakes.push(syn::Error::new_spanned(&block.item.self_ty, message));
    }
    let handlers: Vec<Handler> = block.methods.iter().filter_map(|method| handler(method, &mut mistakes)).collect();
    for (index, handler) in handlers.iter().enumerate() {
        for before in &handlers[..index] {
            if let Some(error) = doubled(before, handler) {
                mistakes.push(error);
                break;
            }
        }
    }
    mistakes.finish()?;
    Ok(Model {
        krate: krate.unwrap_or_else(|| parse_quote!(::marty_events)),
        own: (*block.item.self_ty).clone(),
        generics: block.item.generics.clone(),
        handlers,
    })
}

/// `None` for a method that cannot be described, with a mistake at the least.
fn handler(method: &Method, mistakes: &mut Mistakes) -> Option<Handler> {
    let keys = Keys::read(&method.attributes, mistakes);
    let signature = &method.signature;
    mistakes.ok(shape(signature));
    let selection = selection(&keys, mistakes);
    let arguments = arguments(signature, &keys, mistakes);
    let returned = mistakes.ok(returned(signature));
    Some(Handler {
        name: signature.ident.clone(),
        conditions: method.conditions.clone(),
        selection: selection?,
        attempts: keys.attempts,
        timeout: keys.timeout,
        has_inbox: keys.no_inbox.is_none(),
        arguments: arguments?,
        returned: returned?,
    })
}

fn shape(signature: &Signature) -> syn::Result<()> {
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        let message = format!("a handler is async; write `async fn {name}`");
        return Err(syn::Error::new(signature.fn_token.span(), message));
    }
    let generic = signature.generics.params.iter().find(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    if let Some(generic) = generic {
        let message = "a handler cannot be generic, because nobody names its types; write the types themselves";
        return Err(syn::Error::new_spanned(generic, message));
    }
    let Some(receiver) = signature.receiver() else {
        let message = format!("a handler takes `&self`; write `async fn {name}(&self, ..)`");
        return Err(syn::Error::new(name.span(), message));
    };
    let is_shared = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => matches!(&**ty, Type::Reference(reference) if reference.mutability.is_none()),
        _ => false,
    };
    if is_shared {
        return Ok(());
    }
    Err(syn::Error::new_spanned(receiver, "handlers run side by side, so they share the object; write `&self`"))
}

fn selection(keys: &Keys, mistakes: &mut Mistakes) -> Option<Selection> {
    if let Some(topic) = &keys.topic {
        mistakes.ok(topic_part("topic", topic));
    }
    if let (Some(place), true) = (keys.place("event_type"), keys.no_envelope.is_some()) {
        let message = "a record without an envelope has no type; leave `event_type` out, or `envelope = none`";
        mistakes.push(syn::Error::new(place, message));
        return None;
    }
    match (&keys.topic, keys.place("topic")) {
        (Some(topic), _) => Some(Selection::Named {
            topic: topic.clone(),
            event_types: keys.event_types.clone(),
            has_envelope: keys.no_envelope.is_none(),
        }),
        // Its value has a mistake of its own.
        (None, Some(_)) => None,
        (None, None) => {
            let lonely = ["event_type", "envelope"].into_iter().find_map(|key| Some((key, keys.place(key)?)));
            let Some((key, place)) = lonely else { return Some(Selection::Typed) };
            let message = format!("`{key}` stands beside a topic; write `topic = \"audit.events\"` too");
            mistakes.push(syn::Error::new(place, message));
            None
        }
    }
}

fn arguments(signature: &Signature, keys: &Keys, mistakes: &mut Mistakes) -> Option<Vec<Argument>> {
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

fn returned(signature: &Signature) -> syn::Result<Span> {
    let message = "a handler says if it succeeded; write `-> Result<(), AppError>`";
    match &signature.output {
        ReturnType::Default => Err(syn::Error::new(signature.ident.span(), message)),
        ReturnType::Type(_, ty) => match peeled(ty) {
            Type::Tuple(tuple) if tuple.elems.is_empty() => Err(syn::Error::new_spanned(ty, message)),
            ty => Ok(ty.span()),
        },
    }
}

/// The error for an event that both are for, at the second. Aliases and the topics of typed events are compared by generated code.
fn doubled(before: &Handler, handler: &Handler) -> Option<syn::Error> {
    let other = &before.name;
    let once = "a group handles an event once, so call both from one handler";
    if !before.conditions.is_empty() || !handler.conditions.is_empty() {
        return None;
    }
    match (&before.selection, &handler.selection) {
        (Selection::Typed, Selection::Typed) => {
            let (one, ty) = (payload(before.event()?), payload(handler.event()?));
            let is_same = one.to_token_stream().to_string() == ty.to_token_stream().to_string();
            let message = format!("`{}` has a handler above, `{other}`; {once}", ty.to_token_stream());
            is_same.then(|| syn::Error::new_spanned(ty, message))
        }
        (
            Selection::Named { topic: one, event_types: before_types, .. },
            Selection::Named { topic, event_types, .. },
        ) if one.value() == topic.value() => {
            let place = doubled_type(before_types, event_types, topic)?;
            let subject = if event_types.is_empty() || before_types.is_empty() {
                format!("events of the topic `{}`", topic.value())
            } else {
                format!("`{}`", place.value())
            };
            let has = if event_types.is_empty() || before_types.is_empty() { "have" } else { "has" };
            let cure = if event_types.is_empty() != before_types.is_empty() {
                "name the types of both with `event_type`"
            } else {
                once
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
fn peeled(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peeled(&group.elem),
        Type::Paren(paren) => peeled(&paren.elem),
        other => other,
    }
}

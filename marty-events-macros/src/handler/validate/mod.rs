//! Rules of a block of handlers. All the mistakes of a block are reported at once.

mod arguments;
mod doubled;

use proc_macro2::{Span, TokenStream};
use syn::{GenericParam, ReceiverKind, ReturnType, Signature, Type, parse_quote, spanned::Spanned};

use self::{
    arguments::{arguments, peeled},
    doubled::doubled,
};
use super::{
    METHOD,
    block::{Block, Method},
    keys::{self, Keys},
    model::{Handler, Model, Selection},
};
use crate::syntax::{mistakes::Mistakes, topic::topic_part};

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

//! An event in first place: `#[domain_event(CertificateRevoked { serial, reason }, ..)]`.

use syn::{Expr, Ident, Lit, Token, ext::IdentExt, parse::ParseStream, spanned::Spanned, token};

use super::keys;
use crate::syntax::{expression, kind::Kind, mistakes::Mistakes};

/// Keys that the event's type replaces.
const REPLACED: [&str; 7] =
    ["aggregate_type", "event_type", "aggregate_id_field", "event_version", "data", "topic", "key_field"];

/// The event, if the arguments do not begin with a key.
pub(super) fn first(kind: Kind, input: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<Option<Expr>> {
    if !matches!(kind, Kind::Domain | Kind::Custom) || !is_expression(input) {
        return Ok(None);
    }
    let event: Expr = input.parse()?;
    mistakes.ok(expression::check(&event));
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(Some(event))
}

/// True if a key has no place beside the event.
pub(super) fn replaces(key: &str) -> bool {
    REPLACED.contains(&key)
}

/// A key that the event's type replaces.
pub(super) fn beside(key: &Ident) -> syn::Error {
    let message = if key == "data" {
        "`data` is the event in first place; leave it out, or add a field to the event".to_owned()
    } else {
        format!("`{key}` comes from the type of the event in first place; leave it out")
    };
    syn::Error::new(key.span(), message)
}

/// The error for an event behind a key. The event is passed over.
pub(super) fn late(kind: Kind, input: ParseStream<'_>) -> syn::Result<Option<syn::Error>> {
    if !matches!(kind, Kind::Domain | Kind::Custom) || !is_event(input) {
        return Ok(None);
    }
    let event: Expr = input.parse()?;
    Ok(Some(syn::Error::new(event.span(), "the event stands first; write it before the keys")))
}

/// Anything but `key = ..`, `key(..)`, and slips of those.
fn is_expression(input: ParseStream<'_>) -> bool {
    if input.is_empty() || input.peek(Lit) {
        return false;
    }
    let ahead = input.fork();
    let Ok(first) = ahead.call(Ident::parse_any) else { return true };
    // `crate::Event { .. }`, `data.event()`: the name of a key begins a path.
    if ahead.peek(Token![::]) || ahead.peek(Token![.]) {
        return true;
    }
    let is_assigned = ahead.peek(Token![=]) && !ahead.peek(Token![==]);
    let is_annotated = ahead.peek(Token![:]);
    !is_assigned && !is_annotated && !keys::is_any(&first.to_string())
}

/// A path or a struct, which no key is.
fn is_event(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let Ok(first) = ahead.call(Ident::parse_any) else { return false };
    ahead.peek(Token![::]) || (ahead.peek(token::Brace) && !keys::is_any(&first.to_string()))
}

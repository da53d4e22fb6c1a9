//! Mistakes of the derives: each is one error, and says the line to write instead.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, LitStr};

use crate::{event_type::derive, syntax::kind::Kind};

fn errors(kind: Kind, item: TokenStream) -> Vec<String> {
    let tokens = derive(kind, item);
    let file: syn::File = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in {tokens}"));
    let message = |item: Item| match item {
        Item::Macro(call) if call.mac.path.segments.last().is_some_and(|last| last.ident == "compile_error") => {
            Some(call.mac.parse_body::<LitStr>().unwrap().value())
        }
        _ => None,
    };
    file.items.into_iter().filter_map(message).collect()
}

#[track_caller]
fn one(kind: Kind, item: TokenStream, part: &str) {
    let errors = errors(kind, item);
    assert!(matches!(&errors[..], [error] if error.contains(part)), "{part} once in {errors:#?}");
}

/// A mistake in the keys of a struct.
#[track_caller]
fn key(keys: &TokenStream, part: &str) {
    one(
        Kind::Domain,
        quote!(
            #[event(#keys)]
            struct Created {
                #[event(id)]
                id: u64,
            }
        ),
        part,
    );
}

/// A mistake in the fields of a struct.
#[track_caller]
fn fields(fields: &TokenStream, part: &str) {
    one(Kind::Domain, quote!(#[event(aggregate_type = "user", event_type = "created")] struct Created #fields), part);
}

#[test]
fn a_mistake_in_a_key() {
    key(&quote!(aggregate_type = "user", event_typ = "created"), "no key `event_typ` here; did you mean `event_type`?");
    key(&quote!(aggregate_type = "user", event_type = "created", event_type = "made"), "`event_type` is given twice");
    key(
        &quote!(event_type = "created"),
        "`DomainEvent` needs `aggregate_type`; write `#[event(aggregate_type = \"user\")]`",
    );
    key(&quote!(aggregate_type = "user", event_type = ""), "it is empty");
    key(&quote!(aggregate_type = "a user", event_type = "created"), "` ` cannot stand in one");
    key(&quote!(aggregate_type = user, event_type = "created"), "write `aggregate_type = \"user\"`");
    key(&quote!(service = "", aggregate_type = "user", event_type = "created"), "`service` is empty");
    key(&quote!(aggregate_type = "user", event_type = "created", topic = "users"), "a `DomainEvent` has no `topic`");
    key(&quote!(aggregate_type = "user", event_type = "created", event_version = 0), "`event_version` begins with 1");
    key(&quote!(aggregate_type = "user", event_type = "created", event_version = "2"), "`event_version` is a number");
    key(
        &quote!(aggregate_type = "user", event_type = "created", event_version = 5000000000),
        "`event_version` is a `u32`",
    );
    key(&quote!(aggregate_type = "user", event_type = "created", from = Old), "version 1 has no version before it");
    key(
        &quote!(aggregate_type = "user", event_type = "created", event_version = 1, from = Old),
        "version 1 has no version",
    );
    key(
        &quote!(aggregate_type = "user", event_type = "created", event_version = 2, from = "Old"),
        "write `from = Old`",
    );
    key(&quote!(aggregate_type = "user", event_type = "created", event_version(2)), "write `event_version = 2`");
    key(&quote!(aggregate_type = "user", event_type = "created", crate = events), "is not an absolute path");
    key(&quote!(aggregate_type = "user", event_type = "created", id), "the id is a field; write `#[event(id)]` on it");
}

#[test]
fn a_mistake_in_the_fields() {
    fields(&quote!({ id: u64 }), "`Created` has no id");
    fields(&quote!({ #[event(id)] id: u64, #[event(id)] name: String }), "one field is the id");
    fields(&quote!({ #[event(id)] id: Option<u64> }), "an id is always there");
    fields(&quote!({ #[event(id)] id: u64, #[event(secret)] name: String }), "no key `secret` here");
    fields(&quote!({ #[event(id)] id: u64, #[event(key)] name: String }), "the field is marked by `id`");
    fields(&quote!({ #[event(id = 1)] id: u64 }), "`id` stands alone");
    fields(&quote!({ #[event] id: u64 }), "`event` has its keys in parentheses");
    one(
        Kind::Domain,
        quote!(
            #[event(aggregate_type = "user", event_type = "created")]
            struct Created(u64);
        ),
        "named fields",
    );
    one(
        Kind::Domain,
        quote!(#[event(aggregate_type = "user", event_type = "created")] union Created { id: u64 }),
        "a union",
    );
}

#[test]
fn a_mistake_in_a_variant() {
    let id = quote!({ #[event(id)] id: u64 });
    let lifecycle = |variants: TokenStream| quote!(#[event(aggregate_type = "user")] enum Lifecycle { #variants });
    one(Kind::Domain, lifecycle(quote!(Created #id)), "each variant is an event");
    one(Kind::Domain, lifecycle(quote!()), "an enum without variants");
    let twice = quote!(#[event(event_type = "a")] A #id, #[event(event_type = "a")] B #id);
    one(Kind::Domain, lifecycle(twice), "`a` is the type of another variant");
    one(
        Kind::Domain,
        lifecycle(quote!(
            #[event(event_type = "a")]
            A(u64)
        )),
        "write `A { .. }`",
    );
    let above =
        quote!(#[event(aggregate_type = "user", event_type = "a")] enum Lifecycle { #[event(event_type = "a")] A #id });
    one(Kind::Domain, above, "each variant of an enum is a type of its own");
}

#[test]
fn a_mistake_in_a_custom_event() {
    one(
        Kind::Custom,
        quote!(
            #[event(event_type = "posted")]
            struct Posted {
                cents: u64,
            }
        ),
        "`CustomEvent` needs `topic`",
    );
    let versioned = quote!(
        #[event(topic = "ledger", event_type = "posted", event_version = 2)]
        struct Posted {
            cents: u64,
        }
    );
    one(Kind::Custom, versioned, "has no version on the wire");
    let aggregate = quote!(
        #[event(topic = "ledger", event_type = "posted", aggregate_type = "a")]
        struct Posted {
            cents: u64,
        }
    );
    one(Kind::Custom, aggregate, "a `CustomEvent` has no `aggregate_type`");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let item = quote!(
        #[event(service = "", event_version = 0)]
        struct Created {
            #[event(id)]
            id: Option<u64>,
        }
    );
    assert_eq!(errors(Kind::Domain, item).len(), 4);
}

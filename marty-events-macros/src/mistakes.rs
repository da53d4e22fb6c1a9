//! Mistakes: each is one error, and says what to write instead.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, LitStr};

use crate::{args::Kind, attribute};

/// The messages of the errors that an attribute is expanded to.
fn errors(kind: Kind, args: TokenStream, item: TokenStream) -> Vec<String> {
    let tokens = attribute(kind, args, item);
    let file: syn::File = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in {tokens}"));
    let message = |item: Item| match item {
        Item::Macro(call) if call.mac.path.segments.last().is_some_and(|last| last.ident == "compile_error") => {
            Some(call.mac.parse_body::<LitStr>().unwrap().value())
        }
        _ => None,
    };
    file.items.into_iter().filter_map(message).collect()
}

fn domain(more: TokenStream) -> Vec<String> {
    errors(
        Kind::Domain,
        quote!(aggregate_type = "user", event_type = "created", aggregate_id_field = "id", #more),
        quote!(
            async fn create(id: Uuid, name: String, new: User) -> Result<User, AppError> {
                Ok(new)
            }
        ),
    )
}

fn audit(more: TokenStream) -> Vec<String> {
    errors(
        Kind::Audit,
        quote!(event_type = AuditEventType::DataUpdated, action = "a", resource_type = "r", resource_id_field = "id", on = "both", #more),
        quote!(
            async fn create(id: Uuid, name: String, new: User) -> Result<User, AppError> {
                Ok(new)
            }
        ),
    )
}

#[track_caller]
fn one(errors: &[String], part: &str) {
    assert!(matches!(errors, [error] if error.contains(part)), "{part} once in {errors:#?}");
}

#[track_caller]
fn none(errors: &[String]) {
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn nothing_in_an_attribute_leaves_the_method() {
    for (leaving, word) in [
        (quote!(name.parse::<u32>()?), "`?`"),
        (quote!(load(name).await?), "`.await`"),
        (quote!(json!({"n": name.parse::<u32>()?})), "`?`"),
        (quote!(vec![name?]), "`?`"),
        (quote!(format!("{}", first(name)??)), "`?`"),
        (quote!(json!([{ "n": [load(name).await] }])), "`.await`"),
        (quote!(json!({"n": if name.is_empty() { return } else { 1 }})), "`return`"),
        (quote!(if name.is_empty() { return Ok(new) } else { 1 }), "`return`"),
        (quote!(if name.is_empty() { break } else { 1 }), "`break`"),
        (quote!(if name.is_empty() { continue } else { 1 }), "`continue`"),
        (
            quote!(loop {
                break 'outer;
            }),
            "`break`",
        ),
        (quote!(vec![{ break 1 }]), "`break`"),
    ] {
        one(&domain(quote!(data = #leaving)), word);
        one(&domain(quote!(data(n = #leaving))), word);
        one(&domain(quote!(event_version = #leaving)), word);
        one(&audit(quote!(compliance_tags("a", #leaving))), word);
        one(&audit(quote!(previous_state = #leaving)), word);
        one(&audit(quote!(new_state = #leaving)), word);
        one(&audit(quote!(error = #leaving)), word);
        one(&audit(quote!(error_code = #leaving)), word);
    }
}

#[test]
fn an_expression_may_leave_what_is_its_own() {
    for own in [
        quote!(name.lines().map(|line| line.parse::<u32>().ok()?.checked_add(1)).collect::<Vec<_>>()),
        quote!(
            name.lines()
                .map(|line| {
                    return json!(Some(line)?);
                })
                .count()
        ),
        quote!(loop {
            break 1;
        }),
        quote!('own: loop {
            loop {
                break 'own 1;
            }
        }),
        quote!('own: { break 'own 1 }),
        quote!({
            fn own() -> Option<u8> {
                None?;
                return None;
            }
            own()
        }),
        quote!(format!("{:?} {name:?}", name)),
        quote!(tracing!(?name, n = ?name)),
    ] {
        none(&domain(quote!(data(n = #own))));
    }
}

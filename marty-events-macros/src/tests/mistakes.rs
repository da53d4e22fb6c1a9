//! Mistakes: each is one error, and says the line to write instead.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, LitStr};

use crate::{method::attribute, syntax::kind::Kind};

mod derives;
mod paths;

/// Messages of the errors in an expansion.
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

fn domain(more: &TokenStream) -> Vec<String> {
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

fn audit(more: &TokenStream) -> Vec<String> {
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
        one(&domain(&quote!(data = #leaving)), word);
        one(&domain(&quote!(data(n = #leaving))), word);
        one(&domain(&quote!(event_version = #leaving)), word);
        one(&audit(&quote!(compliance_tags("a", #leaving))), word);
        one(&audit(&quote!(previous_state = #leaving)), word);
        one(&audit(&quote!(new_state = #leaving)), word);
        one(&audit(&quote!(error = #leaving)), word);
        one(&audit(&quote!(error_code = #leaving)), word);
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
        none(&domain(&quote!(data(n = #own))));
    }
}

#[test]
fn an_attribute_that_is_given_twice_is_refused() {
    let own = quote!(aggregate_type = "user", event_type = "created", aggregate_id_field = "id");
    let twice = |first: TokenStream, second: TokenStream| {
        errors(Kind::Domain, first, quote!(#second async fn create(id: Uuid, name: String) {}))
    };
    let message = "publish its event twice";
    one(&twice(own.clone(), quote!(#[domain_event(#own)])), message);
    one(&twice(own.clone(), quote!(#[marty_events::domain_event(#own,)])), message);
    none(&twice(own.clone(), quote!(#[domain_event(#own, data(name))])));
    let custom = quote!(topic = "t", event_type = "e");
    one(&twice(own.clone(), quote!(#[custom_event(#custom)] #[must_use] #[custom_event(#custom)])), message);
    let all = twice(own.clone(), quote!(#[domain_event(#own)] #[domain_event(#own)]));
    assert!(all.len() == 2, "{all:?}");
}

#[test]
fn a_slip_is_one_error_that_says_the_line_to_write() {
    for (given, write) in [
        (quote!(data(new.email)), "write `email = new.email`"),
        (quote!(data(new.user.email, name)), "write `email = new.user.email`"),
        (quote!(data(new.len())), "write `len = new.len()`"),
        (quote!(data(&name)), "write `name = &name`"),
        (quote!(data("name")), "write `name`"),
        (quote!(data("name" = name.len())), "write `name = name.len()`"),
        (quote!(data(email: new.email)), "write `email = new.email`"),
        (quote!(data(name: name, id)), "write `name = name`"),
        (quote!(data(1 + 2)), "write `name = 1 + 2`"),
        (quote!(data(type)), "write `type = value`"),
        (quote!(data { name }), "write `data(..)`"),
        (quote!(data[name]), "write `data(..)`"),
        (quote!(priority = EventPriority::High), "write `priority = \"high\"`"),
        (quote!(priority = high), "write `priority = \"high\"`"),
        (quote!(priority("high")), "write `priority = \"high\"`"),
        (quote!(priority: "high"), "write `priority = \"high\"`"),
        (quote!(priority), "write `priority = ..`"),
        (quote!(delivery = outbox), "write `delivery = \"outbox\"`"),
        (quote!(on = Both), "write `on = \"both\"`"),
        (quote!(transaction = "new"), "write `transaction = new`"),
        (quote!(transaction = "new.tx"), "write `transaction = new.tx`"),
    ] {
        one(&domain(&given), write);
    }
    for (given, write) in [
        (quote!(compliance_tags = ["gdpr", "sox"]), "write `compliance_tags(\"gdpr\", \"sox\")`"),
        (quote!(compliance_tags = &["gdpr"]), "write `compliance_tags(\"gdpr\")`"),
        (quote!(compliance_tags = "gdpr"), "write `compliance_tags(\"gdpr\")`"),
        (quote!(compliance_tags["gdpr"]), "write `compliance_tags(\"gdpr\")`"),
        (quote!(compliance_tags), "write `compliance_tags(..)`"),
        (quote!(risk_level = RiskLevel::Critical), "write `risk_level = \"critical\"`"),
        (quote!(error = "none"), "write `error = \"omit\"`"),
        (quote!(error = none), "write `error = \"omit\"`"),
        (quote!(error = omit), "write `error = \"omit\"`"),
    ] {
        one(&audit(&given), write);
    }
}

#[test]
fn an_id_without_quotes_is_one_error() {
    for (given, write) in [
        (quote!(id), "write `aggregate_id_field = \"id\"`"),
        (quote!(new.id), "write `aggregate_id_field = \"new.id\"`"),
        (quote!(7), "write it in quotes"),
    ] {
        let args = quote!(aggregate_type = "user", event_type = "created", aggregate_id_field = #given);
        one(
            &errors(
                Kind::Domain,
                args,
                quote!(
                    async fn create(id: Uuid) {}
                ),
            ),
            write,
        );
    }
}

#[test]
fn a_mistake_is_one_error() {
    let item = quote!(
        async fn create(id: Uuid) {}
    );
    for kind in [Kind::Audit, Kind::Domain, Kind::Notification, Kind::Custom] {
        one(&errors(kind, TokenStream::new(), item.clone()), "needs");
    }
    let bare = errors(Kind::Domain, TokenStream::new(), item.clone());
    one(&bare, "aggregate_type = \"user\", event_type = \"user_created\", aggregate_id_field = \"user_id\"");

    let other = quote!(resource_type = "user", event_type = "created", aggregate_id_field = "id");
    one(&errors(Kind::Domain, other, item.clone()), "is a key of `audit_event`; write `aggregate_type`");
    let other = quote!(aggregate_type = "user", event_type = "created", resource_id_field = "id");
    one(&errors(Kind::Domain, other, item.clone()), "is a key of `audit_event`; write `aggregate_id_field`");
    let other = quote!(aggregate_type = "billing", event_type = "created", key_field = "id");
    one(&errors(Kind::Custom, other, item.clone()), "is a key of `domain_event`; write `topic`");
    one(&domain(&quote!(compliance_tags = ["a"])), "is a key of `audit_event`");
    one(&domain(&quote!(subject("a"))), "is a key of `notification_event`");
}

#[test]
fn another_attributes_keys_are_one_mistake() {
    let item = quote!(
        async fn create(id: Uuid) {}
    );
    let keys = [
        (Kind::Audit, quote!(event_type = T::A, action = "a", resource_type = "r", resource_id_field = "id")),
        (Kind::Domain, quote!(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", event_version = 2)),
        (
            Kind::Notification,
            quote!(event_type = T::A, recipient_type = "u", recipient_id_field = "id", subject = "s", message = "m"),
        ),
        (Kind::Custom, quote!(topic = "t", event_type = "e", key_field = "id", data(id))),
    ];
    for (meant, given) in &keys {
        for kind in Kind::ALL.into_iter().filter(|kind| kind != meant) {
            let write = format!("write `#[{}(..)]`", meant.name());
            one(&errors(kind, given.clone(), item.clone()), &write);
        }
    }
}

#[test]
fn an_attribute_above_that_takes_the_async_away_is_named() {
    let own = quote!(event_type = T::A, action = "a", resource_type = "r", resource_id_field = none);
    for taken in [
        // `#[tokio::main]`, `#[actix_web::main]`, `#[async_std::main]`
        quote!(
            fn main() {
                let body = async { run().await };
                {
                    return tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(body);
                }
            }
        ),
        quote!(
            fn main() {
                actix_web::rt::System::new().block_on(async move { run().await })
            }
        ),
        quote!(
            fn main() {
                async_std::task::block_on(async { run().await })
            }
        ),
        // `#[sqlx::test]`
        quote!(
            fn case() {
                sqlx::test_block_on(async { run().await })
            }
        ),
    ] {
        one(&errors(Kind::Audit, own.clone(), taken), "put the event attribute above that one");
    }
    one(
        &errors(
            Kind::Audit,
            own,
            quote!(
                fn main() {
                    run()
                }
            ),
        ),
        "write `async fn`",
    );
}

/// The mistakes of `#[domain_event(#args)]` on a method with an id and a name.
fn in_first_place(args: TokenStream) -> Vec<String> {
    errors(
        Kind::Domain,
        args,
        quote!(
            async fn create(id: u64, name: String) -> Result<u64, AppError> {
                Ok(id)
            }
        ),
    )
}

#[test]
fn an_event_in_first_place_replaces_keys() {
    none(&in_first_place(quote!(Created { id, name })));
    none(&in_first_place(quote!(crate::Created { id, name }, ordering = "none", on = "both")));
    none(&in_first_place(quote!(event)));
    none(&in_first_place(quote!(Created::new(*result))));
    one(&in_first_place(quote!(Created { id, name }, data(id))), "`data` is the event in first place");
    one(&in_first_place(quote!(Created { id, name }, data = id)), "`data` is the event in first place");
    for key in [
        quote!(event_type = "made"),
        quote!(aggregate_type = "a"),
        quote!(aggregate_id_field = "id"),
        quote!(event_version = 2),
    ] {
        one(&in_first_place(quote!(Created { id, name }, #key)), "comes from the type of the event in first place");
    }
    one(&in_first_place(quote!(ordering = "none", Created { id, name })), "the event stands first");
    one(&in_first_place(quote!(Created { id: *result, name }, on = "both")), "has no `result` yet");
    one(&in_first_place(quote!(Created { id, name: error.to_string() }, on = "failure")), "has no `error` yet");
    one(&in_first_place(quote!(Created { id, name: load().await })), "`.await` cannot stand");
}

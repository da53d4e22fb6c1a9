//! Paths in ids and texts, and names that are keywords.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, LitStr, ext::IdentExt, parse::Parser};

use super::{errors, none, one};
use crate::syntax::kind::Kind;

const KEYWORDS: &str = "as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let \
    loop macro match mod move mut override priv pub ref return Self self static struct super trait true try type typeof unsafe unsized use \
    virtual where while yield _ union auto raw default safe";

fn by_id(id: &str) -> Vec<String> {
    errors(
        Kind::Domain,
        quote!(aggregate_type = "user", event_type = "created", aggregate_id_field = #id),
        quote!(
            async fn create(&self, order: Order, r#type: String) -> Result<Order, AppError> {
                if order.is_new() {
                    let user_id = Uuid::now_v7();
                    let mut orders = 1;
                }
                Ok(order)
            }
        ),
    )
}

fn by_subject(subject: &str) -> Vec<String> {
    errors(
        Kind::Notification,
        quote!(event_type = NotificationEventType::UserWelcome, recipient_type = "user", recipient_id_field = "id", subject = #subject, message = "m"),
        quote!(
            async fn welcome(&self, id: u64, order: Order, r#type: String) -> Result<Order, AppError> {
                let made = 1;
                Ok(order)
            }
        ),
    )
}

#[test]
fn a_path_has_fields_methods_and_keywords() {
    for path in [
        "order.id()",
        "order.get_ref().id()",
        "self.tenant.0",
        "self.tenant().id",
        "order.type",
        "order.r#type",
        "order.type.match()",
        "type",
        "r#type",
        "type.len()",
        "result.id()",
        "result.type",
        "order . id ( )",
    ] {
        none(&by_id(path));
        none(&by_subject(&format!("{{{{a}} {{{path}}} {{{path}:>8?}}")));
    }
    none(&by_subject("{id} {id:?} {CONSTANT} {{made}}"));
}

#[test]
fn a_path_that_is_none_is_one_error_that_says_the_path_to_write() {
    for (path, write) in [
        ("order.id(1)", "write a path such as"),
        ("order.items[0].id", "write a path such as"),
        ("order.id()?", "write a path such as"),
        ("order.load().await", "write a path such as"),
        ("order..id", "write a path such as"),
        ("order.", "write a path such as"),
        ("order.crate", "write a path such as"),
        ("order.99999999999999999999", "write a path such as"),
        ("", "is empty"),
        ("load()", "is a call, and a path begins with an argument"),
        ("ordre.id", "did you mean `order`?"),
        ("user_id", "`user_id` is made by the body; return it, and write \"result\""),
        ("orders", "`orders` is made by the body"),
        ("account", "if the body makes it, return it, and write \"result\""),
    ] {
        one(&by_id(path), write);
    }
    for (subject, write) in [
        ("{order.id(1)}", "write a path such as {request.user.id}"),
        ("{order.items[0].id}", "write a path such as {request.user.name}"),
        ("{ordre.id}", "did you mean `order`?"),
        ("{made}", "`made` in `subject` is made by the body; return it, and write {result}"),
        ("{made.id}", "`made` is made by the body; return it, and write {result}"),
    ] {
        one(&by_subject(subject), write);
    }
    assert_eq!(by_subject("{ordre.id} {oredr.id}").len(), 2);
}

#[test]
fn a_value_that_the_body_makes_is_named_by_result() {
    for given in [
        quote!(data(made)),
        quote!(data(n = made.len())),
        quote!(data = &made),
        quote!(event_version = made),
        quote!(new_state = made.id),
        quote!(previous_state = made),
        quote!(action = made),
        quote!(compliance_tags(made)),
    ] {
        let text = given.to_string();
        let (kind, rest) = if text.starts_with("event_version") {
            (Kind::Domain, quote!(aggregate_type = "user", event_type = "e", aggregate_id_field = "id"))
        } else {
            let action = if text.starts_with("action") { quote!() } else { quote!(action = "a",) };
            (Kind::Audit, quote!(event_type = T, #action resource_type = "r", resource_id_field = "id"))
        };
        let item = quote!(
            async fn create(id: u64) -> Result<Made, AppError> {
                let made = Made::new(id);
                Ok(made)
            }
        );
        one(&errors(kind, quote!(#rest, #given), item), "by `result`");
    }
}

#[test]
fn an_id_of_none_is_one_error() {
    let item = quote!(
        async fn create(id: u64) {}
    );
    let audit = |id: TokenStream| quote!(event_type = T, action = "a", resource_type = "r", resource_id_field = #id);
    none(&errors(Kind::Audit, audit(quote!(none)), item.clone()));
    one(&errors(Kind::Audit, audit(quote!("none")), item.clone()), "write `resource_id_field = none`");
    for id in [quote!(none), quote!("none")] {
        let domain = quote!(aggregate_type = "user", event_type = "created", aggregate_id_field = #id);
        one(&errors(Kind::Domain, domain, item.clone()), "write `aggregate_id_field = \"user_id\"`");
        let custom = quote!(topic = "t", event_type = "e", key_field = #id);
        one(&errors(Kind::Custom, custom, item.clone()), "out where the event has no key");
    }
}

#[test]
fn no_keyword_makes_the_macro_panic() {
    for keyword in KEYWORDS.split_whitespace() {
        let name = Ident::parse_any.parse_str(keyword).unwrap();
        for text in
            [keyword.to_owned(), format!("{keyword}.id"), format!("order.{keyword}"), format!("order.{keyword}()")]
        {
            by_id(&text);
            by_subject(&format!("{{{text}}}"));
        }
        let literal = LitStr::new(keyword, proc_macro2::Span::call_site());
        for given in [
            quote!(data(#name)),
            quote!(data(#name = 1)),
            quote!(data(#name: 1)),
            quote!(data(#literal)),
            quote!(data(#literal = 1)),
            quote!(data(order.#name)),
            quote!(data = #name),
            quote!(#name = 1),
            quote!(transaction = #literal),
            quote!(transaction = #name),
            quote!(priority = #name),
            quote!(crate = #name),
            quote!(crate = #literal),
        ] {
            super::domain(&given);
            super::audit(&given);
        }
    }
}

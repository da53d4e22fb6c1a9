//! Expansions of the attributes, one shape each. After a change run `INSTA_UPDATE=always cargo test -p
//! marty-events-macros`, and read the difference: users get the same one.

mod handlers;
mod mistakes;
mod reference;

use proc_macro2::TokenStream;
use quote::quote;

use crate::{method::attribute, syntax::kind::Kind};

fn expanded(kind: Kind, args: TokenStream, item: TokenStream) -> String {
    let tokens = attribute(kind, args, item);
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in {tokens}"));
    prettyplease::unparse(&file)
}

fn domain() -> TokenStream {
    quote!(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")
}

fn audit() -> TokenStream {
    quote!(
        event_type = AuditEventType::DataUpdated,
        action = "update",
        resource_type = "user",
        resource_id_field = "id"
    )
}

#[test]
fn direct() {
    let args = domain();
    insta::assert_snapshot!(expanded(
        Kind::Domain,
        quote!(#args, delivery = "direct", data(name, length = result.len())),
        quote! {
            /// Documented.
            pub async fn create(id: Uuid, name: String) -> Result<String, AppError> {
                Ok(name)
            }
        },
    ));
}

#[test]
fn by_type() {
    insta::assert_snapshot!(expanded(
        Kind::Domain,
        domain(),
        quote! {
            async fn create(&self, id: Uuid, mut tx: &mut Tx<'_>, #[cfg(unix)] extra: &mut T) -> Result<(), AppError> {
                insert(tx).await
            }
        },
    ));
}

#[test]
fn named_place() {
    let args = domain();
    insta::assert_snapshot!(expanded(
        Kind::Domain,
        quote!(#args, transaction = self.tx),
        quote!(
            async fn create(&mut self, id: Uuid, name: String) -> Result<(), AppError> {
                self.insert(name).await
            }
        ),
    ));
}

#[test]
fn stacked() {
    let (own, other) = (domain(), audit());
    insta::assert_snapshot!(expanded(
        Kind::Domain,
        quote!(#own, transaction = tx),
        quote! {
            #[marty_events::audit_event(#other, previous_state = old, new_state = result)]
            #[must_use]
            async fn create(id: Uuid, old: &User, tx: &mut Tx<'_>) -> Result<User, AppError> { insert(tx).await }
        },
    ));
}

#[test]
fn failure() {
    let args = audit();
    insta::assert_snapshot!(expanded(
        Kind::Audit,
        quote!(#args, on = "both", data(id, reason = error.code(), done = result), error_code = error.code()),
        quote!(
            async fn update(id: Uuid) -> Result<u8, AppError> {
                run().await
            }
        ),
    ));
}

#[test]
fn boxed() {
    insta::assert_snapshot!(expanded(
        Kind::Domain,
        domain(),
        quote! {
            fn create<'a>(&'a self, __arg1: (Uuid, u8)) -> Pin<Box<dyn Future<Output = Result<u8, AppError>> + Send + 'a>> {
                Box::pin(async move {
                    let __self = self;
                    let (id, n) = { let __arg1 = __arg1; __arg1 };
                    let __ret: Result<u8, AppError> = { Ok(n) };
                    __ret
                })
            }
        },
    ));
}

#[test]
fn mistake() {
    insta::assert_snapshot!(expanded(
        Kind::Domain,
        quote!(aggregate_type = "user", event_tipe = "created", aggregate_id_field = "idd"),
        quote!(
            async fn create(id: Uuid) -> u8 {
                id.len()
            }
        ),
    ));
}

#[test]
fn another_crate_path_replaces_every_name_of_this_one() {
    let args = domain();
    let item = quote!(
        async fn create(id: Uuid, tx: &mut Tx<'_>) -> Result<(), AppError> {
            Ok(())
        }
    );
    let tokens = attribute(Kind::Domain, quote!(#args, data(id), on = "both", crate = ::facade::events), item);
    assert!(!tokens.to_string().contains("marty_events"), "{tokens}");
}

#[test]
fn several_mistakes_are_reported_together() {
    let args = quote!(aggregate_type = "a b", event_tipe = "e", aggregate_id_field = "idd", priority = "urgent");
    let tokens = attribute(
        Kind::Domain,
        args,
        quote!(
            fn create(id: Uuid) {}
        ),
    )
    .to_string();
    for part in ["`event_tipe`", "`idd`", "\\\"urgent\\\"", "Kafka topic", "not async"] {
        assert!(tokens.contains(part), "{part} in {tokens}");
    }
    assert!(!tokens.contains("needs `event_type`"), "{tokens}");
}

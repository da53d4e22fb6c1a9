//! Expansions of `#[event_handlers]`, and mistakes that are reported together.

use proc_macro2::TokenStream;
use quote::quote;

use crate::handler::event_handlers;

fn expanded(args: TokenStream, item: &TokenStream) -> String {
    let tokens = event_handlers(args, item);
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in {tokens}"));
    prettyplease::unparse(&file)
}

#[test]
fn handlers() {
    insta::assert_snapshot!(expanded(
        TokenStream::new(),
        &quote! {
            impl StatusList {
                /// Documented.
                #[event_handler]
                pub async fn revoked(&self, event: Received<Revoked>, tx: &mut Tx<'_>) -> Result<(), AppError> { self.insert(tx, event.serial).await }

                #[cfg(feature = "audit")]
                #[marty_events::event_handler(topic = "audit.events", event_type = "user.login", attempts = 3, timeout = "30s")]
                async fn login<'t>(&self, tx: &'t mut PgConnection, events: Vec<Received<Value>>) -> Result<(), AppError> { Ok(()) }

                #[event_handler(topic = "prices", inbox = none, envelope = none)]
                async fn price(&self, event: Received<Value>) -> Result<(), AppError> { Ok(()) }

                fn insert(&self) {}
            }
        },
    ));
}

#[test]
fn a_generic_block() {
    insta::assert_snapshot!(expanded(
        quote!(crate = ::facade::events),
        &quote! {
            impl<R: Repository> StatusList<R> where R: Clone {
                #[event_handler(topic = "prices", inbox = none)]
                async fn price(&self, event: Received<Value>) -> Result<(), AppError> { Ok(()) }
            }
        },
    ));
}

#[test]
fn another_crate_path_replaces_every_name_of_this_one() {
    let item = quote!(
        impl StatusList {
            #[event_handler]
            async fn revoked(&self, event: Received<Revoked>, tx: &mut Tx<'_>) -> Result<(), AppError> {
                Ok(())
            }
        }
    );
    let tokens = event_handlers(quote!(crate = ::facade::events), &item);
    assert!(!tokens.to_string().contains("marty_events"), "{tokens}");
}

#[test]
fn several_mistakes_are_reported_together_and_the_block_stays() {
    let item = quote!(
        impl StatusList {
            #[event_handler(topics = "a", attempts = 0, timeout = "soon")]
            fn revoked(&self, event: Received<Revoked>) {}

            #[event_handler(topic = "a b", inbox = "none")]
            async fn other(&mut self, event: &Received<Revoked>) -> Result<(), AppError> {
                Ok(())
            }
        }
    );
    let tokens = event_handlers(TokenStream::new(), &item).to_string();
    for part in [
        "no key `topics`",
        "`attempts` counts",
        "cannot be \\\"soon\\\"",
        "a handler is async",
        "has no transaction",
        "says if it succeeded",
        "` ` cannot stand in one",
        "`inbox` stands without quotes",
        "share the object",
        "without `&`",
    ] {
        assert!(tokens.contains(part), "{part} in {tokens}");
    }
    assert!(tokens.contains("fn revoked") && tokens.contains("async fn other"), "{tokens}");
    assert!(!tokens.contains("# [event_handler"), "{tokens}");
}

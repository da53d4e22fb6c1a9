//! The attribute macros of `marty-events`; their documentation is there, on the re-exports.
//!
//! parse (`args`, `method`) -> validate (`validate`) -> expand (`expand`), which cannot fail. A mistake is reported beside
//! the user's own item (`fallback`), so that it is the only error.

mod method;
mod syntax;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

use method::attribute;
use syntax::kind::Kind;

/// Records who did what to which resource; see `marty_events::audit_event`.
#[proc_macro_attribute]
pub fn audit_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Audit, args.into(), item.into()).into()
}

/// Publishes what happened to an aggregate; see `marty_events::domain_event`.
#[proc_macro_attribute]
pub fn domain_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Domain, args.into(), item.into()).into()
}

/// Tells somebody; see `marty_events::notification_event`.
#[proc_macro_attribute]
pub fn notification_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Notification, args.into(), item.into()).into()
}

/// Publishes what fits none of the kinds; see `marty_events::custom_event`.
#[proc_macro_attribute]
pub fn custom_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Custom, args.into(), item.into()).into()
}

//! The macros of `marty-events`. Their documentation is there, on the re-exports.
//!
//! Floors, from the top; a file uses only those below it:
//!
//! ```text
//! lib                       the attributes and derives: one function each
//! event_type                derives of typed events
//!   expand                    code for a type without mistakes
//!     describe                  its description for the catalogue
//!   validate                  rules; all mistakes of a type are collected
//!   keys   model              `#[event(..)]` as it was written; a type without mistakes
//! handler                   handlers of events, on an `impl` block
//!   expand                    code for a block without mistakes
//!   validate                  rules; all mistakes of a block are collected
//!   keys   model   block      `#[event_handler(..)]` as it was written; a block without mistakes; the `impl` block
//! method                    event attributes on async functions
//!   expand                    code for a method without mistakes
//!   validate                  rules, one file a subject; all mistakes of a method are collected
//!   fallback     model        a method with mistakes: its item and the errors; a method without
//!   async_shape               the asynchronous body of a function
//!   signature                 the function as it was written; the names that its arguments bind
//! syntax                    shared with macros on other items
//!   args                      `key = value`, `key(..)`, and slips in their form
//!   expression   path         expressions and paths in a value
//!   crate_path  documentation  identifier  kind  mistakes  suggest  topic
//! ```
//!
//! One annotated method goes through them in this order:
//!
//! ```text
//! #[domain_event(..)] async fn create(..)
//!   -> method::attribute            the topmost attribute takes the others of the function along
//!   -> method::signature            parses the function, and not its body
//!   -> syntax::args                 reads each attribute's arguments
//!   -> method::validate             checks them against the function: an `Event` for each, one `Handle`, one `Capture`
//!   -> method::model::Model         or a list of mistakes -> method::fallback, which ends here
//!   -> method::expand::capture      before the body: ids, texts, data
//!        ::failure                  before the body: failure events, in case
//!        ::handle                   before the body: arguments are tagged and kept; around it: the handle is lent
//!        ::drops                    in the body: arguments are dropped in the plain function's order
//!        ::after_body, ::event      after the body: success events are built and handed over, or failure events
//! ```
//!
//! Generated code calls `marty_events::__private`, which explains one expansion line by line.

mod event_type;
mod handler;
mod method;
mod syntax;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

use event_type::derive;
use method::attribute;
use syntax::kind::Kind;

/// True if somebody reads descriptions. Without the feature of marty-events each costs the compiler, and nothing of it is left.
const DESCRIBES: bool = cfg!(any(feature = "catalogue", test));

/// Records a user's action on a resource; see `marty_events::audit_event`.
#[proc_macro_attribute]
pub fn audit_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Audit, args.into(), item.into()).into()
}

/// Publishes a change of an aggregate; see `marty_events::domain_event`.
#[proc_macro_attribute]
pub fn domain_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Domain, args.into(), item.into()).into()
}

/// Notifies a recipient; see `marty_events::notification_event`.
#[proc_macro_attribute]
pub fn notification_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Notification, args.into(), item.into()).into()
}

/// Publishes an event of the service's own kind; see `marty_events::custom_event`.
#[proc_macro_attribute]
pub fn custom_event(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Custom, args.into(), item.into()).into()
}

/// Makes a type of the service's own a domain event; see `marty_events::DomainEvent`.
#[proc_macro_derive(DomainEvent, attributes(event))]
pub fn derive_domain_event(item: TokenStream) -> TokenStream {
    derive(Kind::Domain, item.into()).into()
}

/// Makes a type of the service's own a custom event; see `marty_events::CustomEvent`.
#[proc_macro_derive(CustomEvent, attributes(event))]
pub fn derive_custom_event(item: TokenStream) -> TokenStream {
    derive(Kind::Custom, item.into()).into()
}

/// Makes handlers of events of a type's methods; see `marty_events::event_handlers`.
#[proc_macro_attribute]
pub fn event_handlers(args: TokenStream, item: TokenStream) -> TokenStream {
    handler::event_handlers(args.into(), &item.into()).into()
}

/// A handler of an event; see `marty_events::event_handler`.
#[proc_macro_attribute]
pub fn event_handler(_: TokenStream, item: TokenStream) -> TokenStream {
    handler::event_handler(&item.into()).into()
}

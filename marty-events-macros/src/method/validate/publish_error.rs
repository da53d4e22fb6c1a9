//! Rules about `on_publish_error`: the method fails, or the failure is logged.

use proc_macro2::Span;
use syn::spanned::Spanned;

use crate::syntax::{
    args::{Args, Delivery, On, OnPublishError},
    mistakes::Mistakes,
};

/// First, true if a failed direct event makes the method fail. Second, the span of `on_publish_error = "log"` on an
/// event that may go in a transaction.
pub(super) fn publish_error(attributes: &[Args], mistakes: &mut Mistakes) -> (bool, Option<Span>) {
    let mut strict = false;
    let mut logging = None;
    for args in attributes {
        if args.on() == On::Failure {
            of_failure_alone(args, mistakes);
            continue;
        }
        match args.on_publish_error {
            Some((OnPublishError::Fail, _)) => strict = true,
            Some((OnPublishError::Log, at)) if !args.is(Delivery::Direct) => logging = logging.or(Some(at)),
            _ => {}
        }
    }
    (strict, logging)
}

/// Failure events are handed over without waiting, apart from the caller's transaction.
fn of_failure_alone(args: &Args, mistakes: &mut Mistakes) {
    let transaction = args.transaction.as_ref().map(|place| ("transaction", place.span()));
    let outbox = args.delivery.filter(|_| args.is(Delivery::Outbox)).map(|(_, at)| ("delivery", at));
    for (key, at) in transaction.into_iter().chain(outbox) {
        let message = format!(
            "a record of a failure survives the caller's rollback, so it is handed over apart from the transaction; remove \
             `{key}`"
        );
        mistakes.push(syn::Error::new(at, message));
    }
}

//! Code after the body. It builds the success events and hands them over; then, if the method fails, the failure
//! events.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Ident, spanned::Spanned};

use super::{Private, batch, failure, handle::HandleCode};
use crate::method::model::Model;

pub(super) fn after_body(
    model: &Model,
    return_type: &TokenStream,
    handle: &HandleCode,
    private: &Private,
) -> TokenStream {
    let mixed = Span::mixed_site();
    let at_return = return_type.span().resolved_at(mixed);
    let failed = model.watches_failure().then(|| failure::after(model, at_return, private));
    if !model.events.iter().any(|event| event.on.success()) {
        let failures = batch::judged_by_result(model, private);
        return quote_spanned!(mixed=> #failures #failed __out);
    }
    let hand_over = Ident::new(if model.strict { "hand_over_strictly" } else { "hand_over" }, at_return);
    // The compiler shows a return type that cannot say that an event failed at this argument of the call.
    let waiting = Ident::new("__waiting", at_return);
    let (batch, (before, chosen)) = (batch::late(model, private), handle.choice());
    // The result is asked once: each question to a type costs the compiler.
    let handed_over = quote_spanned! {mixed=>
        '__handed_over: {
            let __waiting = match #private::Answer::new(__out).wait() {
                ::core::result::Result::Ok(__waiting) => __waiting,
                // The method failed: there is nothing to wait for.
                ::core::result::Result::Err(__out) => break '__handed_over __out,
            };
            #batch
            #before
            #chosen.#hand_over(#waiting, __batch).await
        }
    };
    if failed.is_none() {
        return handed_over;
    }
    quote_spanned! {mixed=>
        let __out = #handed_over;
        #failed
        __out
    }
}

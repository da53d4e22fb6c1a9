//! What happens after the body: the events of a success are built and handed over; then, if the method fails, those of the
//! failure.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use super::{
    capture::data_name,
    event::{Record, bind, event},
    failure,
};
use crate::model::{Event, Model, When};

pub(super) fn record(
    model: &Model,
    return_type: &TokenStream,
    select: &TokenStream,
    private: &TokenStream,
) -> TokenStream {
    let mixed = Span::mixed_site();
    let at_return = return_type.span().resolved_at(mixed);
    let failed = model.watches_failure().then(|| failure::after(model, at_return, private));
    if !model.events.iter().any(|event| event.on.success()) {
        return quote_spanned!(mixed=> #failed __out);
    }
    let builds = model
        .events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.on.success())
        .map(|(place, event)| build(place, event, private));
    let settle = Ident::new(if model.strict { "settle_strictly" } else { "settle" }, at_return);
    let mut settle = quote_spanned!(at_return=> __recorded.#settle(__out));
    if model.handle.may_be_hidden() {
        settle = quote_spanned! {mixed=> {
            let mut __recorded = __recorded;
            let __refusal = __recorded.refusal();
            let __out = #settle;
            match __refusal {
                ::core::option::Option::None => __out,
                ::core::option::Option::Some(__error) => {
                    #[allow(unused_imports)]
                    use #private::{IsSilent as _, Tells as _};
                    (&&#private::Answer::new(__out)).refuse(__error)
                }
            }
        }};
    }
    let answer = match failed {
        None => settle,
        Some(failed) => quote_spanned! {mixed=>
            let __out = #settle;
            #failed
            __out
        },
    };
    quote_spanned! {mixed=>
        // Nothing borrowed lives on across an await.
        let __batch = {
            #[allow(unused_imports)]
            use #private::outcome::{OfPlain as _, OfResult as _};
            match (&&#private::outcome::Returned::new(&__out)).success() {
                ::core::option::Option::Some(__result) => {
                    let mut __batch = #private::Batch::new();
                    #(#builds)*
                    ::core::option::Option::Some(__batch)
                }
                ::core::option::Option::None => ::core::option::Option::None,
            }
        };
        #select
        let __recorded = match __batch {
            ::core::option::Option::Some(__batch) => __handle.record(__batch).await,
            ::core::option::Option::None => __handle.nothing(),
        };
        #answer
    }
}

fn build(place: usize, of: &Event, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let build = event(place, of, Record::Success, &quote_spanned!(mixed=> __batch), private);
    let (late_data, push) = (late_data(place, of), push(place, of));
    quote_spanned! {mixed=> {
        #build
        #late_data
        #push
    }}
}

/// The fields that name `result`, which is bound under the user's own token. Those that name `error` have no value.
fn late_data(place: usize, event: &Event) -> TokenStream {
    let mixed = Span::mixed_site();
    let name = data_name(place);
    let late = event.data.iter().filter_map(|field| {
        let (key, value) = (&field.name, &field.value);
        match &field.when {
            When::Before => None,
            When::Success(result) => {
                let bound = result.as_ref().map(|result| bind(result, "__result"));
                Some(quote_spanned! {field.span.resolved_at(mixed)=>
                    let #name = {
                        #bound
                        #name.field(#key, &(#value))
                    };
                })
            }
            When::Failure(_) => Some(quote_spanned!(mixed=> let #name = #name.absent(#key);)),
        }
    });
    late.collect()
}

fn push(place: usize, event: &Event) -> TokenStream {
    let mixed = Span::mixed_site();
    let data = if event.data.is_empty() {
        quote!(::core::option::Option::None)
    } else {
        let data = data_name(place).into_token_stream();
        quote!(::core::option::Option::Some(#data))
    };
    let method = Ident::new(if event.is_direct { "push_direct" } else { "push" }, mixed);
    let is_strict = event.is_strict;
    quote_spanned!(mixed=> __batch.#method(__event, #data, #is_strict);)
}

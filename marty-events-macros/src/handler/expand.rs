//! From the model to code. Generated code names nothing but the crate's `__private` module and `::core`, `::std`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, Lifetime, Type, spanned::Spanned, visit_mut::VisitMut};

use super::model::{Argument, Handler, Model, Selection};

/// One implementation of `EventHandlers`, and a check that no event has two handlers.
pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let private = quote!(#krate::__private::handler);
    let mixed = Span::mixed_site();
    let own = &model.own;
    let database = database(model, &private);
    let mut generics = model.generics.clone();
    if database.is_none() {
        let any = Ident::new("__Database", mixed);
        generics.params.push(syn::parse_quote!(#any: #private::Database));
    }
    if !model.generics.params.is_empty() {
        let clause = generics.make_where_clause();
        clause.predicates.push(syn::parse_quote!(Self: ::core::marker::Send + ::core::marker::Sync + 'static));
    }
    let (parameters, _, conditions) = generics.split_for_impl();
    let database = database.unwrap_or_else(|| quote_spanned!(mixed=> __Database));
    let descriptions = model.handlers.iter().map(|handler| description(handler, &private));
    let descriptions = quote!(&[#(#descriptions),*]);
    let arms = model.handlers.iter().map(|handler| arm(handler, &private));
    // A description that names a parameter of the block can stand inside the implementation alone.
    let is_apart = model.generics.params.is_empty() && !model.handlers.iter().any(names_self);
    let (apart, inside) = if is_apart {
        let checks = model.handlers.iter().skip(1).map(|handler| check(handler, &private));
        let apart = quote_spanned! {mixed=>
            const HANDLERS: &[#private::HandlerDescription] = #descriptions;
            #(#checks)*
        };
        (apart, quote_spanned!(mixed=> HANDLERS))
    } else {
        (TokenStream::new(), descriptions)
    };
    quote_spanned! {mixed=>
        const _: () = {
            #apart
            #[automatically_derived]
            impl #parameters #private::EventHandlers<#database> for #own #conditions {
                const HANDLERS: &'static [#private::HandlerDescription] = #inside;

                fn call<'__call>(
                    &'__call self,
                    index: usize,
                    unit: &'__call mut #private::Unit<#database>,
                    deliveries: ::std::vec::Vec<#private::Delivery>,
                ) -> #private::HandlerFuture<'__call> {
                    // By name: `cfg` may take a method away, and then the numbers of those behind it change.
                    match #private::name(<Self as #private::EventHandlers<#database>>::HANDLERS, index) {
                        #(#arms)*
                        _ => #private::no_handler(),
                    }
                }
            }
        };
    }
}

/// The database of the first transaction; nothing where no handler has one.
///
/// A pointer to a function is the one place in which lifetimes may be left out as in an argument.
fn database(model: &Model, private: &TokenStream) -> Option<TokenStream> {
    let unconditional = model.handlers.iter().filter(|handler| handler.conditions.is_empty());
    let handle = unconditional.chain(&model.handlers).find_map(Handler::handle)?;
    let span = handle.span().resolved_at(Span::mixed_site());
    let handle = without_lifetimes(handle);
    Some(quote_spanned!(span=> <fn(&mut #handle) as #private::HandleArgument>::Database))
}

/// The type with `'_` for each lifetime of the method.
fn without_lifetimes(ty: &Type) -> Type {
    struct Anonymous;
    impl VisitMut for Anonymous {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                lifetime.ident = Ident::new("_", lifetime.ident.span());
            }
        }
    }
    let mut ty = ty.clone();
    Anonymous.visit_type_mut(&mut ty);
    ty
}

fn description(handler: &Handler, private: &TokenStream) -> TokenStream {
    let conditions = &handler.conditions;
    let name = handler.name.to_string();
    let event = handler.event();
    let span = event.map_or_else(Span::call_site, Spanned::span).resolved_at(Span::mixed_site());
    let (events, has_envelope) = match &handler.selection {
        Selection::Typed => (quote_spanned!(span=> #private::typed_events::<#event>()), true),
        Selection::Named { topic, event_types, has_envelope } => {
            let events = quote! {
                #private::EventSelection::Named { topic: #topic, event_types: &[#(#event_types),*] }
            };
            (events, *has_envelope)
        }
    };
    let option = |value: Option<TokenStream>| {
        value.map_or_else(|| quote!(::core::option::Option::None), |value| quote!(::core::option::Option::Some(#value)))
    };
    let attempts = option(handler.attempts.as_ref().map(ToTokens::to_token_stream));
    let timeout = option(handler.timeout.map(|time| quote!(::core::time::Duration::from_millis(#time))));
    let has_inbox = handler.has_inbox;
    let is_batch = quote_spanned!(span=> #private::is_batch::<#event>());
    quote! {
        #(#conditions)*
        #private::HandlerDescription {
            name: #name,
            events: #events,
            attempts: #attempts,
            timeout: #timeout,
            has_inbox: #has_inbox,
            is_batch: #is_batch,
            has_envelope: #has_envelope,
        }
    }
}

fn arm(handler: &Handler, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let Handler { name, conditions, .. } = handler;
    let text = name.to_string();
    let read = Ident::new(
        match &handler.selection {
            Selection::Typed => "typed",
            Selection::Named { has_envelope: true, .. } => "named",
            Selection::Named { has_envelope: false, .. } => "plain",
        },
        mixed,
    );
    let event = handler.event();
    let at_event = event.map_or(mixed, |event| event.span().resolved_at(mixed));
    let read = quote_spanned!(at_event=> #private::#read::<#event>);
    let arguments = handler.arguments.iter().map(|argument| match argument {
        Argument::Event(_) => quote_spanned!(mixed=> event),
        Argument::Handle(ty) => {
            let span = ty.span().resolved_at(mixed);
            let unit = Ident::new("unit", mixed);
            quote_spanned!(span=> #unit.handle()?)
        }
    });
    let outcome = quote_spanned!(handler.returned.resolved_at(mixed)=> #private::outcome);
    quote_spanned! {mixed=>
        #(#conditions)*
        #text => ::std::boxed::Box::pin(async move {
            let event = #read(deliveries)?;
            #outcome(Self::#name(self, #(#arguments),*).await)
        }),
    }
}

/// At the event: that is where it is shown that another handler has it.
fn check(handler: &Handler, private: &TokenStream) -> TokenStream {
    let place = match &handler.selection {
        Selection::Typed => handler.event().map(Spanned::span),
        Selection::Named { topic, event_types, .. } => Some(event_types.first().unwrap_or(topic).span()),
    };
    let span = place.unwrap_or_else(Span::call_site).resolved_at(Span::mixed_site());
    let (conditions, name) = (&handler.conditions, handler.name.to_string());
    quote_spanned! {span=>
        #(#conditions)*
        const _: () = ::core::assert!(
            !#private::is_doubled(HANDLERS, #name),
            "the event has a handler above; a group handles an event once, so call both from one handler"
        );
    }
}

fn names_self(handler: &Handler) -> bool {
    fn find(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(name) => name == "Self",
            TokenTree::Group(group) => find(group.stream()),
            _ => false,
        })
    }
    handler.event().is_some_and(|event| find(event.to_token_stream()))
}

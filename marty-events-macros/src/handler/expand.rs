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
    // A reader that names a parameter of the block can stand inside the implementation alone.
    let is_apart = model.generics.params.is_empty() && !model.handlers.iter().any(names_self);
    let readers: Vec<Reader> = model
        .handlers
        .iter()
        .enumerate()
        .map(|(index, handler)| Reader::new(handler, index, is_apart, &private))
        .collect();
    let described = model.handlers.iter().zip(&readers);
    let descriptions = described.clone().map(|(handler, reader)| description(handler, &reader.value, &private));
    let descriptions = quote!(&[#(#descriptions),*]);
    let arms = described.map(|(handler, reader)| arm(handler, &reader.value, &private));
    let (apart, inside) = if is_apart {
        let items = readers.iter().map(|reader| &reader.item);
        let checks = model.handlers.iter().skip(1).map(|handler| check(handler, &private));
        let entries = model.handlers.iter().zip(&readers).map(|(handler, Reader { value, .. })| {
            let conditions = &handler.conditions;
            quote!(#(#conditions)* #krate::__private::handles! { @ #value })
        });
        let apart = quote_spanned! {mixed=>
            #(#items)*
            const HANDLERS: &[#private::HandlerDescription] = #descriptions;
            #(#checks)*
            #(#entries)*
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
                    records: ::std::vec::Vec<#private::Incoming>,
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

/// The reader of a handler's events: a constant, and its name.
struct Reader {
    item: TokenStream,
    value: TokenStream,
}

impl Reader {
    fn new(handler: &Handler, index: usize, is_apart: bool, private: &TokenStream) -> Self {
        let event = handler.event();
        // At the event's type: that is where its mistakes are shown.
        let span = event.map_or_else(Span::mixed_site, |event| event.span().resolved_at(Span::mixed_site()));
        let private = placed(private, span);
        let value = match &handler.selection {
            Selection::Typed => quote_spanned!(span=> #private::typed::<#event>()),
            Selection::Named { topic, event_types, has_envelope: true } => {
                quote_spanned!(span=> #private::named::<#event>(#topic, &[#(#event_types),*]))
            }
            Selection::Named { topic, .. } => quote_spanned!(span=> #private::plain::<#event>(#topic)),
        };
        if !is_apart {
            return Self { item: TokenStream::new(), value };
        }
        let (name, conditions) = (Ident::new(&format!("READER_{index}"), Span::mixed_site()), &handler.conditions);
        Self {
            item: quote!(#(#conditions)* const #name: #private::Reader<#event> = #value;),
            value: name.into_token_stream(),
        }
    }
}

fn description(handler: &Handler, reader: &TokenStream, private: &TokenStream) -> TokenStream {
    let conditions = &handler.conditions;
    let name = handler.name.to_string();
    let option = |value: Option<TokenStream>| {
        value.map_or_else(|| quote!(::core::option::Option::None), |value| quote!(::core::option::Option::Some(#value)))
    };
    let attempts = option(handler.attempts.as_ref().map(ToTokens::to_token_stream));
    let timeout = option(handler.timeout.map(|time| quote!(::core::time::Duration::from_millis(#time))));
    let has_inbox = handler.has_inbox;
    quote! {
        #(#conditions)*
        #private::HandlerDescription {
            name: #name,
            events: #reader.events,
            attempts: #attempts,
            timeout: #timeout,
            has_inbox: #has_inbox,
            is_batch: #reader.is_batch,
            has_envelope: #reader.has_envelope,
        }
    }
}

fn arm(handler: &Handler, reader: &TokenStream, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let Handler { name, conditions, .. } = handler;
    let text = name.to_string();
    let arguments = handler.arguments.iter().map(|argument| match argument {
        Argument::Event(_) => quote_spanned!(mixed=> event),
        Argument::Handle(ty) => {
            let span = ty.span().resolved_at(mixed);
            let unit = Ident::new("unit", mixed);
            quote_spanned!(span=> #unit.handle()?)
        }
    });
    // At the return type: that is where it is shown that it is not an answer.
    let at_returned = handler.returned.resolved_at(mixed);
    let answer = Ident::new("answer", at_returned);
    let outcome = quote_spanned!(at_returned=> #private::outcome(#answer));
    quote_spanned! {mixed=>
        #(#conditions)*
        #text => ::std::boxed::Box::pin(async move {
            let event = (#reader.read)(records)?;
            let #answer = Self::#name(self, #(#arguments),*).await;
            #outcome
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

/// The path at another place, with the meaning that it has.
fn placed(path: &TokenStream, place: Span) -> TokenStream {
    let moved = path.clone().into_iter().map(|mut token| {
        token.set_span(place.resolved_at(token.span()));
        token
    });
    moved.collect()
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

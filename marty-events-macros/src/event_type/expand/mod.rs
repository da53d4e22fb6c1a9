//! From the model to code. Generated code names nothing but the crate's `__private` module and `::core`, `::std`.

mod describe;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, LitStr, spanned::Spanned};

use super::model::{Model, Shape};
use crate::syntax::kind::Kind;

pub(super) fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let private = quote!(#krate::__private);
    let (implementation, conversions) = (implementation(model, &private), conversions(model, &private));
    let order = version_order(model, &private);
    let description = describe::describe(model, &private);
    quote!(#implementation #conversions #order #description)
}

fn implementation(model: &Model, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let Model { ident, subject, .. } = model;
    let (parameters, arguments, conditions) = model.generics.split_for_impl();
    let (builder, make, kind) = match model.kind {
        Kind::Custom => ("CustomEvent", "custom", quote!(Custom { topic: #subject })),
        _ => ("DomainEvent", "domain", quote!(Domain { aggregate_type: #subject })),
    };
    let (builder, make) = (Ident::new(builder, mixed), Ident::new(make, ident.span().resolved_at(mixed)));
    let service = model
        .service
        .as_ref()
        .map_or_else(|| quote!(::core::option::Option::None), |service| quote!(::core::option::Option::Some(#service)));
    let older = model.from.as_ref().map_or_else(|| quote!(#private::typed::NoOlder), ToTokens::to_token_stream);
    let version = model.version.as_ref().map_or_else(|| quote!(1), ToTokens::to_token_stream);
    let types: Vec<&LitStr> = model.shapes.iter().map(|shape| &shape.event_type).collect();
    let type_arms = model.shapes.iter().map(|shape| {
        let (pattern, event_type) = (any(shape), &shape.event_type);
        quote!(#pattern => #event_type,)
    });
    let schema_version =
        model.schema_version.as_ref().map(|version| quote!(const SCHEMA_VERSION: &'static str = #version;));
    let schema_url = schema_url(model);
    let key_arms = model.shapes.iter().map(|shape| key(shape, private));
    // At the type's name: that is where a missing `Serialize` is shown.
    let at_name = ident.span().resolved_at(mixed);
    let build = quote_spanned!(at_name=> #private::typed::#make(self));
    quote_spanned! {mixed=>
        #[automatically_derived]
        impl #parameters #private::typed::TypedEvent for #ident #arguments #conditions {
            type Builder = #private::#builder;
            type Older = #older;
            const KIND: #private::typed::TypedEventKind = #private::typed::TypedEventKind::#kind;
            const SERVICE: ::core::option::Option<&'static str> = #service;
            const EVENT_TYPES: &'static [&'static str] = &[#(#types),*];
            const EVENT_VERSION: u32 = #version;
            #schema_version

            fn event_type(&self) -> &'static str {
                match self { #(#type_arms)* }
            }

            fn event_key(&self) -> ::core::option::Option<::std::string::String> {
                match self { #(#key_arms)* }
            }
            #schema_url

            fn to_builder(&self) -> #private::#builder {
                #build
            }
        }
    }
}

/// The trait's own method answers for a type that names no URL.
fn schema_url(model: &Model) -> Option<TokenStream> {
    if model.shapes.iter().all(|shape| shape.schema_url.is_none()) {
        return None;
    }
    let arms = model.shapes.iter().map(|shape| {
        let pattern = any(shape);
        let url = shape
            .schema_url
            .as_ref()
            .map_or_else(|| quote!(::core::option::Option::None), |url| quote!(::core::option::Option::Some(#url)));
        quote!(#pattern => #url,)
    });
    Some(quote_spanned! {Span::mixed_site()=>
        fn schema_url(&self) -> ::core::option::Option<&'static str> {
            match self { #(#arms)* }
        }
    })
}

/// The event becomes a builder, and any event, by value and by reference: so it is taken wherever a builder is.
fn conversions(model: &Model, private: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let ident = &model.ident;
    let (parameters, arguments, conditions) = model.generics.split_for_impl();
    let builder = Ident::new(if model.kind == Kind::Custom { "CustomEvent" } else { "DomainEvent" }, mixed);
    let mut with_lifetime = model.generics.clone();
    with_lifetime.params.insert(0, syn::parse_quote!('__event));
    let (borrowing, _, _) = with_lifetime.split_for_impl();
    quote_spanned! {mixed=>
        #[automatically_derived]
        impl #parameters ::core::convert::From<#ident #arguments> for #private::#builder #conditions {
            fn from(event: #ident #arguments) -> Self {
                #private::typed::TypedEvent::to_builder(&event)
            }
        }
        #[automatically_derived]
        impl #borrowing ::core::convert::From<&'__event #ident #arguments> for #private::#builder #conditions {
            fn from(event: &'__event #ident #arguments) -> Self {
                #private::typed::TypedEvent::to_builder(event)
            }
        }
        #[automatically_derived]
        impl #parameters ::core::convert::From<#ident #arguments> for #private::Event #conditions {
            fn from(event: #ident #arguments) -> Self {
                ::core::convert::From::from(#private::typed::TypedEvent::to_builder(&event))
            }
        }
        #[automatically_derived]
        impl #borrowing ::core::convert::From<&'__event #ident #arguments> for #private::Event #conditions {
            fn from(event: &'__event #ident #arguments) -> Self {
                ::core::convert::From::from(#private::typed::TypedEvent::to_builder(event))
            }
        }
    }
}

/// The older version has a smaller number. A generic event is not one type that could be asked.
fn version_order(model: &Model, private: &TokenStream) -> Option<TokenStream> {
    let from = model.from.as_ref()?;
    if !model.generics.params.is_empty() {
        return None;
    }
    let ident = &model.ident;
    let span = from.span().resolved_at(Span::mixed_site());
    Some(quote_spanned! {span=>
        const _: () = ::core::assert!(
            #private::typed::is_earlier::<#from, #ident>(),
            "the `from` of an event is an earlier version; write a larger `event_version` here, or a smaller one there"
        );
    })
}

fn any(shape: &Shape) -> TokenStream {
    let variant = shape.variant.iter();
    quote!(Self #(::#variant)* { .. })
}

fn key(shape: &Shape, private: &TokenStream) -> TokenStream {
    let Some(id) = &shape.id else {
        let pattern = any(shape);
        return quote!(#pattern => ::core::option::Option::None,);
    };
    let name = Ident::new("__id", Span::mixed_site());
    let variant = shape.variant.iter();
    let pattern = quote!(Self #(::#variant)* { #id: #name, .. });
    // At the field's name: that is where a missing `Display` is shown.
    let span = id.span().resolved_at(Span::mixed_site());
    let text = quote_spanned!(span=> #private::id(#name));
    quote!(#pattern => ::core::option::Option::Some(#text),)
}

//! The description of a type's events for the catalogue. Without the library's feature there is none.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{GenericParam, Lifetime};

use crate::{
    event_type::model::{Model, Shape},
    syntax::kind::Kind,
};

pub(super) fn describe(model: &Model, private: &TokenStream) -> TokenStream {
    if !crate::DESCRIBES {
        return TokenStream::new();
    }
    let (name, subject) = (model.ident.to_string(), &model.subject);
    let kind = if model.kind == Kind::Custom { "custom" } else { "domain" };
    let version = model.version.as_ref().map_or_else(|| quote!(1), |version| quote!(#version));
    let service = model.service.as_ref().map(|service| quote!(.service(#service)));
    let documentation = documentation(&model.documentation);
    let events = model.shapes.iter().map(event);
    let asked = asked(model, private);
    quote_spanned! {Span::mixed_site()=>
        #private::describe! {
            type TypeDescription::new(#name, #kind, #subject, #version) #service #documentation #(#events)* #asked
        }
    }
}

fn event(shape: &Shape) -> TokenStream {
    let variant = shape.variant.as_ref().map(ToString::to_string).unwrap_or_default();
    let key = shape.id.as_ref().map(ToString::to_string).unwrap_or_default();
    let (event_type, documentation) = (&shape.event_type, &shape.documentation);
    quote!(.event(#variant, #event_type, #key, #documentation))
}

fn documentation(text: &str) -> Option<TokenStream> {
    (!text.is_empty()).then(|| quote!(.documentation(#text)))
}

/// The older versions and the schema, which the type itself is asked for. A type with parameters is not one type that could be asked: its older
/// version is taken to be the number before.
fn asked(model: &Model, private: &TokenStream) -> TokenStream {
    let is_lifetime = |parameter: &GenericParam| matches!(parameter, GenericParam::Lifetime(_));
    if !model.generics.params.iter().all(is_lifetime) {
        return model.from.as_ref().map(|_| quote!(.version_before())).unwrap_or_default();
    }
    let ident = &model.ident;
    let lifetimes = model.generics.params.iter().map(|_| Lifetime::new("'static", Span::call_site()));
    let ty = if model.generics.params.is_empty() { quote!(#ident) } else { quote!(#ident<#(#lifetimes),*>) };
    let from = model.from.as_ref().map(|_| quote!(.older(#private::typed::older_versions::<#ty>())));
    quote! {
        #from
        .schema(|| {
            #[allow(unused_imports)]
            use #private::WithoutSchema as _;
            #private::SchemaOf::<#ty>::ask().written()
        })
    }
}

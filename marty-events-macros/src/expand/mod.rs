//! From the model to code. Generated code names nothing but the crate's `__private` module and `::core`, `::std`.

mod capture;
mod record;
mod route;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{ReturnType, Type, TypeInfer, spanned::Spanned, visit_mut::VisitMut};

use crate::model::Model;

pub(crate) fn expand(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let krate = &model.krate;
    let method = &model.method;
    let return_type = return_type(&method.signature.output);
    let private = quote!(#krate::__private);
    let before = capture::capture(&model.events, &private);
    let after = record::record(model, &return_type, &private);
    let route = route::route(model, &private);
    let (keep, lend, select) = (&route.keep, &route.lend, &route.select);
    let fake_return = fake_return(&return_type);
    let (body, moves) = (&model.body, &route.moves);
    let inner = quote_spanned! {mixed=>
        #before
        #keep
        let __out: #return_type = {
            #lend
            async #moves {
                #fake_return
                #body
            }
        }
        .await;
        #select
        #after
    };
    let (absorbed, attributes) = (&model.absorbed, &method.attributes);
    let (visibility, signature) = (&method.visibility, &method.signature);
    quote! {
        #absorbed
        #(#attributes)*
        #visibility #signature {
            #inner
        }
    }
}

/// The type that the body is checked against. What stands behind `impl` is left to inference.
fn return_type(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => {
            let mut ty = (**ty).clone();
            InferImplTrait.visit_type_mut(&mut ty);
            ty.into_token_stream()
        }
    }
}

struct InferImplTrait;

impl VisitMut for InferImplTrait {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(_) = ty {
            *ty = Type::Infer(TypeInfer { attrs: Vec::new(), underscore_token: syn::Token![_](ty.span()) });
        } else {
            syn::visit_mut::visit_type_mut(self, ty);
        }
    }
}

/// Tells the compiler what `return` and `?` in the body return, before it sees them.
fn fake_return(return_type: &TokenStream) -> TokenStream {
    quote_spanned! {return_type.span()=>
        #[allow(unreachable_code, unknown_lints, clippy::diverging_sub_expression, clippy::let_unit_value, clippy::let_with_type_underscore, clippy::needless_return, clippy::empty_loop)]
        if false {
            let __return: #return_type = loop {};
            return __return;
        }
    }
}

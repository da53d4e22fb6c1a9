//! From the model to code. Generated code names nothing but the crate's `__private` module and `::core`, `::std`.

mod capture;
mod event;
mod failure;
mod record;
mod route;

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Stmt, Type, TypeInfer, spanned::Spanned, visit_mut::VisitMut};

use crate::{
    async_shape::{Shape, output, tail},
    model::{Capture, Model},
};

pub(crate) fn expand(model: &Model) -> TokenStream {
    let (absorbed, method) = (&model.absorbed, &model.method);
    let inner_attributes = &model.inner;
    let (attributes, visibility, signature) = (&method.attributes, &method.visibility, &method.signature);
    let body = match &model.shape {
        Shape::Function { body } => inner(model, body),
        Shape::Block { function, patterns, body } => {
            let inner = inner(model, body);
            let mut function = (**function).clone();
            if let Some(block) = tail(&mut function) {
                block.block.stmts.clone_from(patterns);
                block.block.stmts.push(Stmt::Expr(Expr::Verbatim(inner), None));
            }
            let statements = function.stmts;
            quote!(#(#statements)*)
        }
    };
    // The braces are the user's, so that lints about the function see that it is.
    let mut braces = Group::new(Delimiter::Brace, quote!(#(#inner_attributes)* #body));
    braces.set_span(method.body.span());
    quote! {
        #absorbed
        #(#attributes)*
        #visibility #signature #braces
    }
}

/// The asynchronous part: everything around the body.
fn inner(model: &Model, body: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let krate = &model.krate;
    let private = quote!(#krate::__private);
    let returned = returned(model);
    let return_type = returned.clone().unwrap_or_else(|| quote_spanned!(mixed=> _));
    let capture = capture::capture(&model.events, &private);
    let failures = failure::before(model, &private);
    let route = route::route(model, &private);
    let record = record::record(model, &return_type, &route.select, &private);
    let (keep, lend) = (&route.keep, &route.lend);
    let fake_return = returned.as_ref().map(fake_return);
    let (moves, rebind) = match &model.capture {
        Capture::Move => (Some(quote_spanned!(mixed=> move)), TokenStream::new()),
        Capture::Only(bindings) => (None, route::take(bindings)),
    };
    let block = quote_spanned! {mixed=>
        async #moves {
            #rebind
            #fake_return
            #body
        }
    };
    let completed = if model.watches_failure() {
        quote_spanned! {mixed=>
            let mut __body = ::core::pin::pin!(#block);
            #[allow(clippy::let_and_return, clippy::let_unit_value)]
            let __out =
                ::core::future::poll_fn(|__context| __failures.poll(::core::pin::Pin::as_mut(&mut __body), __context)).await;
            __out
        }
    } else {
        quote_spanned!(mixed=> #block.await)
    };
    quote_spanned! {mixed=>
        #capture
        #failures
        #keep
        #[allow(clippy::let_unit_value, clippy::async_yields_async)]
        let __out: #return_type = {
            #lend
            #completed
        };
        #record
    }
}

/// The type that the body is checked against, where the signature says it. What stands behind `impl` is left to inference.
fn returned(model: &Model) -> Option<TokenStream> {
    let signature = &model.method.signature;
    let mut ty = output(&signature.output, signature.asyncness.is_some())?;
    InferImplTrait.visit_type_mut(&mut ty);
    Some(ty.into_token_stream())
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

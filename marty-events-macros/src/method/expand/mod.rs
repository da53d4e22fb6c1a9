//! From the model to code. Generated code names nothing but the crate's `__private` module and `::core`, `::std`.

mod after_body;
mod capture;
mod describe;
mod drops;
mod event;
mod failure;
mod handle;

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Block, Expr, ReturnType, Stmt, Type, TypeInfer, spanned::Spanned, visit_mut::VisitMut};

use super::{
    async_shape::{Shape, named_future, output, tail},
    model::{Capture, Model},
    signature::peel,
};
use capture::Captured;

pub(crate) fn expand(model: &Model) -> TokenStream {
    let (absorbed, method) = (&model.absorbed, &model.method);
    let inner_attributes = &model.inner;
    let (attributes, visibility, signature) = (&method.attributes, &method.visibility, &method.signature);
    let descriptions = describe::describe(model, &private(model));
    let captured = capture::capture(&model.events, &private(model));
    let mut signature = signature.clone();
    let body = match &model.shape {
        Shape::Function { body } => {
            let order = match &model.capture {
                Capture::Move => drops::order(&mut signature, &model.events, body),
                Capture::Only(bindings) => {
                    drops::used_by_attributes(&drops::left(bindings, &model.events, body), &model.events)
                }
            };
            let inner = inner(model, &order, body);
            let statements = captured.statements;
            quote!(#statements #inner)
        }
        Shape::Block { function, patterns, body } => block(model, &captured, function, patterns, body),
    };
    // The braces have the user's span, so lints about the function still apply to it.
    let mut braces = Group::new(Delimiter::Brace, quote!(#(#inner_attributes)* #descriptions #body));
    braces.set_span(method.body.span());
    quote! {
        #absorbed
        #(#attributes)*
        #visibility #signature #braces
    }
}

/// A function that ends with an async block. Values are captured before the function's first statement, because that
/// statement may move an argument. So a future that borrows nothing still borrows nothing. Names that a pattern inside
/// the block binds exist only there; then the capture is inside too.
fn block(model: &Model, captured: &Captured, function: &Block, patterns: &[Stmt], body: &TokenStream) -> TokenStream {
    let inner = inner(model, &TokenStream::new(), body);
    let statements = &captured.statements;
    let is_outside = patterns.is_empty();
    let taken = if is_outside { captured.moved() } else { statements.clone() };
    let mut function = function.clone();
    if let Some(block) = tail(&mut function) {
        block.block.stmts = patterns.to_vec();
        block.block.stmts.push(Stmt::Expr(Expr::Verbatim(quote!(#taken #inner)), None));
    }
    let function = &function.stmts;
    if !is_outside || statements.is_empty() {
        return quote!(#(#function)*);
    }
    // A block of its own: no lint takes these statements for the user's.
    quote_spanned!(Span::mixed_site()=> #statements { #(#function)* })
}

fn private(model: &Model) -> TokenStream {
    let krate = &model.krate;
    quote!(#krate::__private)
}

/// The asynchronous part: everything around the body.
fn inner(model: &Model, order: &TokenStream, body: &TokenStream) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = private(model);
    let returned = returned(model);
    let return_type = returned.clone().unwrap_or_else(|| quote_spanned!(mixed=> _));
    let failures = failure::before(model, &private);
    let handle = handle::handle(model, &private);
    let after_body = after_body::after_body(model, &return_type, &handle.select, &private);
    let (keep, lend) = (&handle.keep, &handle.lend);
    let fake_return = returned.as_ref().map(fake_return);
    let (moves, rebind) = match &model.capture {
        Capture::Move => (Some(quote_spanned!(mixed=> move)), TokenStream::new()),
        Capture::Only(bindings) => (None, drops::take(&drops::left(bindings, &model.events, body))),
    };
    let block = quote_spanned! {mixed=>
        async #moves {
            #rebind
            #order
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
    let around = quote_spanned! {mixed=>
        #failures
        #keep
        #[allow(clippy::let_unit_value, clippy::async_yields_async)]
        let __out: #return_type = {
            #lend
            #completed
        };
        #after_body
    };
    if is_never(model) { quote_spanned!(mixed=> match { #around } {}) } else { around }
}

/// The type that the body is checked against, if the signature names it. Types behind `impl` are inferred.
fn returned(model: &Model) -> Option<TokenStream> {
    let signature = &model.method.signature;
    let is_async_fn = signature.asyncness.is_some();
    if is_never(model) {
        // `!` is not a type of variables yet.
        return Some(quote_spanned!(signature.output.span()=> ::core::convert::Infallible));
    }
    if let Some(future) = named_future(&signature.output).filter(|_| !is_async_fn) {
        return Some(quote_spanned!(future.span()=> <#future as ::core::future::Future>::Output));
    }
    let mut ty = output(&signature.output, is_async_fn)?;
    InferImplTrait.visit_type_mut(&mut ty);
    Some(ty.into_token_stream())
}

/// `async fn f() -> !`
fn is_never(model: &Model) -> bool {
    let signature = &model.method.signature;
    signature.asyncness.is_some()
        && matches!(&signature.output, ReturnType::Type(_, ty) if matches!(peel(ty), Type::Never(_)))
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

/// Fixes the type of `return` and `?` in the body before the compiler reads the body.
fn fake_return(return_type: &TokenStream) -> TokenStream {
    quote_spanned! {return_type.span()=>
        #[allow(unreachable_code, unknown_lints, clippy::diverging_sub_expression, clippy::let_unit_value, clippy::let_with_type_underscore, clippy::needless_return, clippy::empty_loop)]
        if false {
            let __return: #return_type = loop {};
            return __return;
        }
    }
}

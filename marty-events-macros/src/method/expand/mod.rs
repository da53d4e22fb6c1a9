//! From the model to code. Generated code names nothing but the crate's `__private` module and `::core`, `::std`.

mod after_body;
mod batch;
mod capture;
mod describe;
mod drops;
mod event;
mod failure;
mod handle;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote, quote_spanned};
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
    let private = private(model);
    let descriptions = describe::describe(model, &private);
    let early = batch::early(model, &private);
    let captured = early.map_or_else(|| capture::capture(model, &private), Captured::batch);
    let mut signature = signature.clone();
    let body = match &model.shape {
        Shape::Function { body } => {
            let order = match &model.capture {
                Capture::Move => drops::order(&mut signature, &model.events, body),
                Capture::Only(bindings) => {
                    drops::used_by_attributes(&drops::left(bindings, &model.events, body), &model.events)
                }
            };
            let inner = inner(model, &order, body, &private);
            let statements = captured.statements;
            quote!(#statements #inner)
        }
        Shape::Block { function, patterns, body } => block(model, &captured, function, patterns, body, &private),
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
fn block(
    model: &Model,
    captured: &Captured,
    function: &Block,
    patterns: &[Stmt],
    body: &TokenStream,
    private: &Private,
) -> TokenStream {
    let inner = inner(model, &TokenStream::new(), body, private);
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

/// The path of the items that generated code names.
///
/// Its tokens are put down one by one. A stream in a stream is a call of the compiler each time, and the path stands everywhere.
struct Private(Vec<TokenTree>);

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.iter().for_each(|token| tokens.append(token.clone()));
    }
}

fn private(model: &Model) -> Private {
    let krate = &model.krate;
    Private(quote!(#krate::__private).into_iter().collect())
}

/// The asynchronous part: everything around the body.
fn inner(model: &Model, order: &TokenStream, body: &TokenStream, private: &Private) -> TokenStream {
    let mixed = Span::mixed_site();
    let returned = returned(model);
    let return_type = returned.clone().unwrap_or_else(|| quote_spanned!(mixed=> _));
    let failures = failure::before(model, private);
    let handle = handle::handle(model, private);
    let after_body = after_body::after_body(model, &return_type, &handle, private);
    let (keep, lend) = (&handle.keep, &handle.lend);
    let fake_return = returned.as_ref().map(|returned| fake_return(returned, private));
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
            let __out =
                ::core::future::poll_fn(|__context| __failures.poll(::core::pin::Pin::as_mut(&mut __body), __context)).await;
            __out
        }
    } else {
        quote_spanned!(mixed=> #block.await)
    };
    // A method may return a future. Each `allow` costs the compiler, so where it is seen that it does not, there is none.
    let yields = (!returns_result_or_unit(model)).then(|| quote!(#[allow(clippy::async_yields_async)]));
    let around = quote_spanned! {mixed=>
        #failures
        #keep
        #yields
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

/// True if the returned type is written `Result<..>` or `()`, or not at all.
fn returns_result_or_unit(model: &Model) -> bool {
    let signature = &model.method.signature;
    match output(&signature.output, signature.asyncness.is_some()) {
        Some(Type::Path(path)) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
        Some(Type::Tuple(tuple)) => tuple.elems.is_empty(),
        Some(_) => false,
        None => matches!(signature.output, ReturnType::Default),
    }
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
fn fake_return(return_type: &TokenStream, private: &Private) -> TokenStream {
    quote_spanned! {return_type.span()=>
        if false {
            return #private::never::<#return_type>();
        }
    }
}

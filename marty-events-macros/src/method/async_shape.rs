//! The asynchronous body of a function. It is the body of an `async fn`, or an async block that the function ends with.
//! The block may be boxed, as `#[async_trait]` leaves it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    AngleBracketedGenericArguments, Block, Expr, ExprAsync, GenericArgument, Local, Pat, PathArguments, ReturnType,
    Stmt, Type, TypeParamBound, parse_quote,
};

use super::signature::{Method, peel};

pub(crate) enum Shape {
    /// `async fn`: the statements of the body, as they were written.
    Function { body: TokenStream },
    /// A function that ends with an async block.
    Block {
        /// The whole body of the function. [`tail`] finds the block in it.
        function: Box<Block>,
        /// `let` statements of `#[async_trait]` that take argument patterns apart.
        patterns: Vec<Stmt>,
        /// The other statements of the async block.
        body: TokenStream,
    },
}

impl Shape {
    /// None where the function is not asynchronous.
    pub(crate) fn of(method: &Method, statements: TokenStream) -> Option<Self> {
        if method.signature.asyncness.is_some() {
            return Some(Self::Function { body: statements });
        }
        let mut function: Block = syn::parse2(quote!({ #statements })).ok()?;
        let block = tail(&mut function)?;
        let mut patterns = Vec::new();
        let mut body = TokenStream::new();
        let is_mutable_receiver = method.receiver_is_mutable_reference();
        for mut statement in std::mem::take(&mut block.block.stmts) {
            if takes_pattern_apart(&statement) {
                patterns.push(statement);
                continue;
            }
            if is_mutable_receiver {
                lend_receiver(&mut statement);
            }
            statement.to_tokens(&mut body);
        }
        Some(Self::Block { function: Box::new(function), patterns, body })
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Local> {
        let statements: &[Stmt] = match self {
            Self::Function { .. } => &[],
            Self::Block { patterns, .. } => patterns,
        };
        statements.iter().filter_map(|statement| match statement {
            Stmt::Local(local) => Some(local),
            _ => None,
        })
    }
}

/// The async block that a function ends with: `async { .. }`, `Box::pin(async { .. })`, `async { .. }.boxed()`.
pub(crate) fn tail(function: &mut Block) -> Option<&mut ExprAsync> {
    let Some(Stmt::Expr(expression, None)) = function.stmts.last_mut() else { return None };
    async_block(expression)
}

fn async_block(expression: &mut Expr) -> Option<&mut ExprAsync> {
    match expression {
        Expr::Async(block) => Some(block),
        Expr::Paren(inner) => async_block(&mut inner.expr),
        Expr::Group(inner) => async_block(&mut inner.expr),
        Expr::MethodCall(call) if call.method == "boxed" || call.method == "boxed_local" => {
            async_block(&mut call.receiver)
        }
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else { return None };
            let mut names = function.path.segments.iter().rev().map(|segment| segment.ident.to_string());
            let is_pin = names.next()? == "pin" && names.next()? == "Box";
            if is_pin && call.args.len() == 1 { async_block(call.args.first_mut()?) } else { None }
        }
        _ => None,
    }
}

/// `let (a, b) = { let __arg1 = __arg1; __arg1 };`, which `#[async_trait]` puts at the front.
fn takes_pattern_apart(statement: &Stmt) -> bool {
    let Stmt::Local(local) = statement else { return false };
    let Some(init) = &local.init else { return false };
    let Expr::Block(block) = &*init.expr else { return false };
    match block.block.stmts.last() {
        Some(Stmt::Expr(Expr::Path(path), None)) => {
            path.path.get_ident().is_some_and(|name| name.to_string().starts_with("__arg"))
        }
        _ => false,
    }
}

/// `let __self = self;` of `#[async_trait]`, so that `transaction = self.tx` has the receiver after the body.
fn lend_receiver(statement: &mut Stmt) {
    let Stmt::Local(local) = statement else { return };
    let (Pat::Ident(name), Some(init)) = (&local.pat, &mut local.init) else { return };
    if name.ident == "__self" && matches!(&*init.expr, Expr::Path(path) if path.path.is_ident("self")) {
        let receiver = &init.expr;
        *init.expr = parse_quote!(&mut *#receiver);
    }
}

/// The output type of the function's future, if the signature names it.
pub(crate) fn output(returned: &ReturnType, is_async_fn: bool) -> Option<Type> {
    match returned {
        ReturnType::Default => Some(parse_quote!(())),
        ReturnType::Type(_, ty) if is_async_fn => Some((**ty).clone()),
        ReturnType::Type(_, ty) => future_output(ty),
    }
}

/// The future that a function returns, where its output does not stand in the signature: `Self::Future`, `Answer<'_, User>`.
pub(crate) fn named_future(returned: &ReturnType) -> Option<&Type> {
    let ReturnType::Type(_, whole) = returned else { return None };
    let mut ty = peel(whole);
    loop {
        let Type::Path(path) = ty else { return None };
        let last = path.path.segments.last()?;
        let inner = match last.ident.to_string().as_str() {
            "BoxFuture" | "LocalBoxFuture" => return None,
            "Pin" | "Box" => last_type(&last.arguments),
            _ => None,
        };
        match inner {
            Some(inner) => ty = peel(inner),
            None => return Some(whole),
        }
    }
}

/// `Output = ..` in a bound, or the last type argument of `BoxFuture<'_, ..>`.
fn future_output(ty: &Type) -> Option<Type> {
    match ty {
        Type::ImplTrait(ty) => ty.bounds.iter().find_map(of_bound),
        Type::TraitObject(ty) => ty.bounds.iter().find_map(of_bound),
        Type::Paren(ty) => future_output(&ty.elem),
        Type::Group(ty) => future_output(&ty.elem),
        Type::Path(ty) => {
            let last = ty.path.segments.last()?;
            let inner = last_type(&last.arguments)?;
            match last.ident.to_string().as_str() {
                "Pin" | "Box" => future_output(inner),
                name if name.ends_with("Future") => Some(inner.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn last_type(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    arguments.args.iter().rev().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn of_bound(bound: &TypeParamBound) -> Option<Type> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    let PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) =
        &bound.path.segments.last()?.arguments
    else {
        return None;
    };
    args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(of) if of.ident == "Output" => Some(of.ty.clone()),
        _ => None,
    })
}

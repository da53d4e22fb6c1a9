//! Expressions of the user's in an attribute.

mod leaving;
mod named;
mod tokens;

use proc_macro2::{TokenStream, TokenTree};
use syn::{Expr, Ident};

pub(crate) use leaving::check;
pub(crate) use named::names;

use super::identifier::plain;

/// True if the expression does no more than name a value: nothing that it borrows or locks on the way can live on, and its moment matters
/// to nobody who shares the arguments.
pub(crate) fn is_plain(expression: &Expr) -> bool {
    match expression {
        Expr::Path(_) | Expr::Lit(_) => true,
        Expr::Field(field) => is_plain(&field.base),
        Expr::Reference(reference) => is_plain(&reference.expr),
        Expr::Paren(inner) => is_plain(&inner.expr),
        Expr::Group(inner) => is_plain(&inner.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_plain),
        Expr::Struct(made) => made.rest.is_none() && made.fields.iter().all(|field| is_plain(&field.expr)),
        _ => false,
    }
}

/// True if a name stands among tokens, by itself or in a text as `{name}`. The tokens need not be an expression yet.
pub(crate) fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    let plain = plain(name);
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name || ident == plain,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        TokenTree::Literal(text) => text.to_string().contains(&format!("{{{plain}")),
        TokenTree::Punct(_) => false,
    })
}

/// True if an expression is a literal or a path. It then means the same before and after the body, unless the path
/// names an argument.
pub(crate) fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::Path(_) | Expr::Lit(_) => true,
        Expr::Group(group) => is_constant(&group.expr),
        _ => false,
    }
}

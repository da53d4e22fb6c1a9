//! Expressions of the user's in an attribute.

mod leaving;
mod named;
mod tokens;

use proc_macro2::{TokenStream, TokenTree};
use syn::{Expr, Ident};

pub(crate) use leaving::check;
pub(crate) use named::names;

use super::identifier::plain;

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

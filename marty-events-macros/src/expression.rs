//! Expressions of the user's in an attribute.

mod leaving;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Ident};

pub(crate) use leaving::check;

/// The `word` that an expression names, so that it can be bound under the user's own token.
pub(crate) fn names(expression: &impl ToTokens, word: &str) -> Option<Ident> {
    find(expression.to_token_stream(), word)
}

fn find(tokens: TokenStream, word: &str) -> Option<Ident> {
    let mut behind_dot = false;
    for token in tokens {
        match token {
            TokenTree::Ident(name) if name == word && !behind_dot => return Some(name),
            TokenTree::Group(group) => {
                if let Some(found) = find(group.stream(), word) {
                    return Some(found);
                }
                behind_dot = false;
            }
            TokenTree::Punct(punct) => behind_dot = punct.as_char() == '.' && punct.spacing() == Spacing::Alone,
            // A format string captures names too.
            TokenTree::Literal(text) if captures(&text.to_string(), word) => {
                return Some(Ident::new(word, text.span()));
            }
            _ => behind_dot = false,
        }
    }
    None
}

/// Whether `{word}` or `{word:..}` stands in a format string.
pub(crate) fn captures(format: &str, word: &str) -> bool {
    format.match_indices(&format!("{{{word}")).any(|(at, found)| {
        let escaped = format[..at].chars().rev().take_while(|letter| *letter == '{').count() % 2 == 1;
        !escaped && format[at + found.len()..].starts_with(['}', ':'])
    })
}

/// Whether an expression is a literal or a path: it means the same before and after the body, unless the path is the name of
/// an argument.
pub(crate) fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::Path(_) | Expr::Lit(_) => true,
        Expr::Group(group) => is_constant(&group.expr),
        _ => false,
    }
}

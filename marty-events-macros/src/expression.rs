//! Expressions of the user's in an attribute.

mod leaving;
mod named;

use syn::Expr;

pub(crate) use leaving::check;
pub(crate) use named::names;

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

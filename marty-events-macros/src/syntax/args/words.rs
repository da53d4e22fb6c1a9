//! Values that are texts: ids, and one of a few words.

use syn::{Expr, ExprLit, Ident, Lit, LitStr};

use super::written::written;

/// A string literal.
pub(crate) fn text(key: &Ident, value: &Expr) -> syn::Result<LitStr> {
    literal(value).ok_or_else(|| {
        let message = match value {
            Expr::Path(_) | Expr::Field(_) => {
                format!("`{key}` is a text in quotes; write `{key} = \"{}\"`", written(value))
            }
            _ => format!("`{key}` is a text; write it in quotes"),
        };
        syn::Error::new_spanned(value, message)
    })
}

pub(crate) fn literal(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        // A `macro_rules!` passes an expression on in an invisible group.
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(key: &Ident, value: &Expr, choices: &[(&str, T)]) -> syn::Result<T> {
    let any = || choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
    let Some(given) = literal(value) else {
        let line = variant(value, choices).map_or_else(any, |word| format!("`{key} = \"{word}\"`"));
        return Err(syn::Error::new_spanned(value, format!("`{key}` is a word in quotes; write {line}")));
    };
    let found = choices.iter().find(|(word, _)| *word == given.value());
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        syn::Error::new(given.span(), format!("`{key}` cannot be \"{}\"; write {}", given.value(), any()))
    })
}

/// The word that `EventPriority::High` or `high` stands for.
fn variant<'a, T>(value: &Expr, choices: &[(&'a str, T)]) -> Option<&'a str> {
    let Expr::Path(path) = value else { return None };
    let name = path.path.segments.last()?.ident.to_string().to_lowercase();
    choices.iter().map(|(word, _)| *word).find(|word| *word == name)
}

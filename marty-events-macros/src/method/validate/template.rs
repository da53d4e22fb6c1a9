//! Texts with `{name}`, `{request.user.name}`, `{order.id()}` in them.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::{Expr, Ident, LitStr};

use super::{
    path::{body_makes, by_result, path},
    scope::Scope,
};
use crate::syntax::identifier::plain;

/// A template, as an expression that makes a `String`.
pub(super) struct Template {
    pub(super) expression: TokenStream,
    /// Bound to the value in `Ok`, where the text names it.
    pub(super) result: Option<Ident>,
}

/// `format!` takes names but not paths, so every path becomes an argument of it. Names stay in the literal: the
/// compiler reports a misspelt one at its letters.
pub(super) fn template(key: &str, literal: &LitStr, scope: &Scope<'_>) -> syn::Result<Template> {
    let result = Ident::new("result", literal.span());
    let text = literal.value();
    let (mut format, mut paths, mut names_result) = (String::new(), Vec::new(), false);
    let mut problem: Option<syn::Error> = None;
    for part in parts(&text) {
        let (open, name, close) = match part {
            Part::Text(text) => {
                format.push_str(text);
                continue;
            }
            Part::Argument { name, specification } => ("{", name, specification),
        };
        format.push_str(open);
        names_result |= name.split('.').next().is_some_and(|first| first.trim() == "result");
        match argument(key, name, literal, &result, scope) {
            Ok(None) => format.push_str(name),
            Ok(Some(value)) => {
                let name = format_ident!("__path{}", paths.len(), span = Span::mixed_site());
                format.push_str(&name.to_string());
                paths.push((name, value));
            }
            Err(error) => match &mut problem {
                Some(problem) => problem.combine(error),
                none => *none = Some(error),
            },
        }
        format.push_str(close);
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    // The text as it was written keeps the places of its letters.
    let format = if paths.is_empty() { literal.clone() } else { LitStr::new(&format, literal.span()) };
    let paths = paths.into_iter().map(|(name, value)| quote_spanned!(literal.span()=> #name = #value));
    let expression = quote_spanned!(literal.span()=> ::std::format!(#format #(, #paths)*));
    Ok(Template { expression, result: names_result.then_some(result) })
}

/// The expression for a path. None if `format!` reads the name itself.
fn argument(
    key: &str,
    name: &str,
    literal: &LitStr,
    result: &Ident,
    scope: &Scope<'_>,
) -> syn::Result<Option<TokenStream>> {
    let is_path = name.contains(['.', '(']) || name.starts_with("r#");
    let is_keyword =
        || syn::parse_str::<Ident>(name).is_err() && scope.bindings.iter().any(|binding| plain(&binding.name) == name);
    if is_path || is_keyword() {
        if !is_path_alone(name) {
            let message = format!(
                "`{{{name}}}` in `{key}` is not a name or a path; write a path such as {{request.user.name}} or {{order.id()}}"
            );
            return Err(syn::Error::new(literal.span(), message));
        }
        return path(key, name, literal, result, scope).map(Some);
    }
    if body_makes(name, scope) {
        let message = format!("`{name}` in `{key}` is made by the body; {}", by_result(key, name));
        return Err(syn::Error::new(literal.span(), message));
    }
    Ok(None)
}

fn is_path_alone(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '(' | ')' | '#' | ' ');
    name.chars().all(is_letter)
}

enum Part<'t> {
    Text(&'t str),
    /// `{name` and `:..}` or `}`
    Argument {
        name: &'t str,
        specification: &'t str,
    },
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(open) = rest.find('{') {
        if rest[open + 1..].starts_with('{') {
            let (before, behind) = rest.split_at(open + 2);
            parts.push(Part::Text(before));
            rest = behind;
            continue;
        }
        // `format!` reports a brace that is not closed.
        let Some(close) = rest[open..].find('}').map(|close| open + close) else { break };
        let (inside, behind) = (&rest[open + 1..=close], &rest[close + 1..]);
        let end = inside.find([':', '}']).unwrap_or(inside.len() - 1);
        parts.push(Part::Text(&rest[..open]));
        parts.push(Part::Argument { name: &inside[..end], specification: &inside[end..] });
        rest = behind;
    }
    parts.push(Part::Text(rest));
    parts
}

/// A mistake if the expression begins with a value of the body's own: `made`, `made.id`, `&made`, `made.id()`.
pub(super) fn made_by_the_body(value: &Expr, scope: &Scope<'_>) -> syn::Result<()> {
    let inner = match value {
        Expr::Path(path) => {
            return match path.path.get_ident() {
                Some(name) if body_makes(&plain(name), scope) => {
                    let message = format!(
                        "`{name}` is made by the body; return it and name it by `result`, the value in `Ok`: `result`, or a field of it"
                    );
                    Err(syn::Error::new(name.span(), message))
                }
                _ => Ok(()),
            };
        }
        Expr::Field(field) => &field.base,
        Expr::MethodCall(call) => &call.receiver,
        Expr::Reference(reference) => &reference.expr,
        Expr::Paren(paren) => &paren.expr,
        Expr::Group(group) => &group.expr,
        _ => return Ok(()),
    };
    made_by_the_body(inner, scope)
}

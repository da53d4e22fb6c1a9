//! Paths in quotes: `"user_id"`, `"request.user.id"`, `"order.id()"`, `"self.tenant.0"`, `"result.id"`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Ident, LitStr};

use super::scope::Scope;
use crate::syntax::{identifier::plain, path::member, suggest::suggestion};

/// The path that `key` gives. `result` is the token for a first segment of that name.
pub(super) fn path(
    key: &str,
    text: &str,
    literal: &LitStr,
    result: &Ident,
    scope: &Scope<'_>,
) -> syn::Result<TokenStream> {
    let mut segments = text.split('.').map(str::trim);
    let first = segments.next().unwrap_or_default();
    let mut expression = if first == "result" {
        result.to_token_stream()
    } else {
        root(key, literal, first, scope)?.into_token_stream()
    };
    for segment in segments {
        let member = member(segment, literal.span()).ok_or_else(|| {
            let message =
                format!("`{segment}` in `{key}` is not a field or a method without arguments; {}", advice(key));
            syn::Error::new(literal.span(), message)
        })?;
        expression = quote_spanned!(literal.span()=> #expression.#member);
    }
    Ok(expression)
}

fn advice(key: &str) -> &'static str {
    if is_id(key) {
        "write a path such as \"request.user.id\" or \"order.id()\""
    } else {
        "write a path such as {request.user.id} or {order.id()}"
    }
}

/// An id is a single path. Every other text has its paths in braces.
fn is_id(key: &str) -> bool {
    key.ends_with("_field")
}

/// The first segment of a path: the argument's own token, shown at the path. The token's hygiene makes it mean the same
/// as in the body.
fn root(key: &str, literal: &LitStr, first: &str, scope: &Scope<'_>) -> syn::Result<Ident> {
    if first == "self" && scope.method.has_receiver() {
        let receiver =
            scope.method.signature.receiver().map_or_else(Span::call_site, |receiver| receiver.self_token.span);
        return Ok(Ident::new("self", literal.span().resolved_at(receiver)));
    }
    let name = first.strip_prefix("r#").unwrap_or(first);
    if let Some(argument) = scope.bindings.iter().find(|binding| plain(&binding.name) == name) {
        let mut argument = argument.name.clone();
        argument.set_span(literal.span().resolved_at(argument.span()));
        return Ok(argument);
    }
    Err(syn::Error::new(literal.span(), unknown(key, first, scope)))
}

fn unknown(key: &str, first: &str, scope: &Scope<'_>) -> String {
    if first.is_empty() {
        return format!("`{key}` is empty{}", arguments(first, scope));
    }
    if first == "none" && is_id(key) {
        return without_an_id(key);
    }
    if body_makes(first, scope) {
        return format!("`{first}` is made by the body; {}", by_result(key, first));
    }
    let name = first.trim_end_matches("()");
    if name != first {
        return format!("`{first}` is a call, and a path begins with an argument{}", arguments(name, scope));
    }
    let hint = arguments(first, scope);
    let way_out = if first == "self" || hint.starts_with("; did you mean") {
        String::new()
    } else {
        format!("; if the body makes it, {}", by_result(key, first))
    };
    format!("no argument `{first}`{hint}{way_out}")
}

fn arguments(first: &str, scope: &Scope<'_>) -> String {
    let mut names: Vec<String> = scope.bindings.iter().map(|binding| plain(&binding.name)).collect();
    if scope.method.has_receiver() {
        names.push("self".to_owned());
    }
    suggestion(first, names.iter().map(String::as_str), "the arguments are")
}

/// The advice where the body makes the value.
pub(super) fn by_result(key: &str, name: &str) -> String {
    let (open, close) = if is_id(key) { ("\"", "\"") } else { ("{", "}") };
    format!(
        "return it, and write {open}result{close} (the value in `Ok`) or a path into it, such as {open}result.{name}{close}"
    )
}

/// `none` is a word of `resource_id_field` alone.
fn without_an_id(key: &str) -> String {
    match key {
        "resource_id_field" => "`none` stands without quotes; write `resource_id_field = none`".to_owned(),
        "key_field" => "no argument `none`; leave `key_field` out where the event has no key".to_owned(),
        _ => format!(
            "no argument `none`, and the event needs an id; write `{key} = \"user_id\"` with the argument that holds it"
        ),
    }
}

/// True if the body has a `let name` and no argument has this name.
pub(super) fn body_makes(name: &str, scope: &Scope<'_>) -> bool {
    fn makes(tokens: TokenStream, name: &str) -> bool {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let word =
            |index: usize, word: &str| matches!(tokens.get(index), Some(TokenTree::Ident(ident)) if ident == word);
        (0..tokens.len()).any(|index| {
            let bound = index + 1 + usize::from(word(index + 1, "mut"));
            word(index, "let") && word(bound, name)
                || matches!(&tokens[index], TokenTree::Group(group) if makes(group.stream(), name))
        })
    }
    !scope.bindings.iter().any(|binding| plain(&binding.name) == name) && makes(scope.method.body.clone().into(), name)
}

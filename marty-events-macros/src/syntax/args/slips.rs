//! Mistakes in the form of an argument. Each error says the line to write, and reading goes on behind it.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Expr, ExprPath, Ident, LitStr, Token, bracketed, parenthesized,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    token,
};

use super::{keys, written::written};
use crate::syntax::{
    kind::Kind,
    mistakes::Mistakes,
    suggest::{nearest, suggestion},
};

/// The value behind `key =`. None, and a mistake, if it has another form.
pub(super) fn value(key: &Ident, input: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<Option<Expr>> {
    let line = if input.is_empty() || input.peek(Token![,]) {
        "..".to_owned()
    } else if input.peek(token::Paren) {
        let content;
        parenthesized!(content in input);
        written(&content.parse::<TokenStream>()?)
    } else if input.peek(Token![:]) {
        input.parse::<Token![:]>()?;
        written(&input.parse::<Expr>()?)
    } else {
        input.parse::<Token![=]>()?;
        return input.parse().map(Some);
    };
    mistakes.push(syn::Error::new(key.span(), format!("`{key}` has its value behind `=`; write `{key} = {line}`")));
    Ok(None)
}

/// `data { .. }`, `data[..]`
pub(super) fn data(key: &Ident, input: ParseStream<'_>) -> syn::Result<syn::Error> {
    skip(input)?;
    Ok(syn::Error::new(key.span(), "`data` has its fields in parentheses; write `data(..)`"))
}

/// `compliance_tags = [..]`, `compliance_tags = ".."`, `compliance_tags[..]`
pub(super) fn tags(key: &Ident, input: ParseStream<'_>) -> syn::Result<syn::Error> {
    let list = if input.peek(token::Bracket) {
        let content;
        bracketed!(content in input);
        written(&content.parse::<TokenStream>()?)
    } else if input.is_empty() || input.peek(Token![,]) {
        "..".to_owned()
    } else {
        if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
        } else {
            input.parse::<Token![=]>()?;
        }
        list(&input.parse()?)
    };
    let message = format!("`{key}` has its tags in parentheses; write `{key}({list})`");
    Ok(syn::Error::new(key.span(), message))
}

fn list(given: &Expr) -> String {
    match given {
        Expr::Array(array) => written(&array.elems),
        Expr::Reference(reference) => list(&reference.expr),
        Expr::Group(group) => list(&group.expr),
        Expr::Macro(call) if call.mac.path.is_ident("vec") => {
            let elements = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(call.mac.tokens.clone());
            elements.map_or_else(|_| "..".to_owned(), |elements| written(&elements))
        }
        other => written(other),
    }
}

/// A path or place that was put in quotes.
pub(super) fn in_quotes(key: &str, text: &LitStr) -> syn::Error {
    let line = if text.value().is_empty() { "..".to_owned() } else { text.value() };
    syn::Error::new(text.span(), format!("`{key}` stands without quotes; write `{key} = {line}`"))
}

/// `none` as an id, which only the audit event takes.
pub(super) fn no_id(kind: Kind, none: &ExprPath) -> syn::Error {
    let key = kind.id_key();
    let message = if kind == Kind::Custom {
        format!("`{key}` cannot be `none`; leave it out where the event has no key")
    } else {
        format!(
            "`{key}` cannot be `none`; write `{key} = \"user_id\"` with the argument that holds the id in place of `user_id`"
        )
    };
    syn::Error::new_spanned(none, message)
}

/// The error for an unknown key, and the key that was probably meant.
pub(super) fn unknown(kind: Kind, name: &str, span: Span) -> (syn::Error, Option<&'static str>) {
    let own = keys::counterpart(kind, name);
    let hint = match (keys::owner(name), own) {
        (Some(owner), Some(own)) => format!(", which is a key of `{}`; write `{own}`", owner.name()),
        (Some(owner), None) => {
            format!(", which is a key of `{}`; leave it out, or write `#[{}(..)]`", owner.name(), owner.name())
        }
        (None, _) => suggestion(name, keys::known(kind), "the keys are"),
    };
    let meant = own.or_else(|| nearest(name, keys::known(kind)));
    (syn::Error::new(span, format!("`{}` has no key `{name}`{hint}", kind.name())), meant)
}

/// All keys are those of another attribute: one mistake.
pub(super) fn another_kind(kind: Kind, other: Kind, span: Span) -> syn::Error {
    let (kind, other) = (kind.name(), other.name());
    syn::Error::new(span, format!("the keys of this `{kind}` are those of `{other}`; write `#[{other}(..)]`"))
}

/// Missing keys: one error for all of them.
pub(super) fn missing(kind: Kind, missing: &[(&str, &str)], span: Span) -> syn::Error {
    let names: Vec<String> = missing.iter().map(|(key, _)| format!("`{key}`")).collect();
    // An example may end with words about itself.
    let (lines, words): (Vec<&str>, Vec<&str>) =
        missing.iter().map(|(_, example)| example.split_at(example.find('`').unwrap_or(example.len()))).unzip();
    let message =
        format!("`{}` needs {}; write `{}{}`", kind.name(), names.join(", "), lines.join(", "), words.concat());
    syn::Error::new(span, message)
}

/// Passes over the value of an unknown key.
pub(crate) fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        input.parse::<Expr>()?;
    }
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

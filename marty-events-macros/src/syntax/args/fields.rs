//! `data(name = expr, name)`

use quote::ToTokens;
use syn::{
    Expr, Ident, LitStr, Token, ext::IdentExt, parenthesized, parse::ParseStream, parse_quote, spanned::Spanned,
};

use super::{words::literal, written::written};
use crate::syntax::{expression, mistakes::Mistakes};

pub(super) fn fields(input: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<Vec<(Ident, Expr)>> {
    let content;
    parenthesized!(content in input);
    let mut fields: Vec<(Ident, Expr)> = Vec::new();
    while !content.is_empty() {
        if begins_with_name(&content) {
            if let Some((name, value)) = field(&content, mistakes)? {
                mistakes.ok(expression::check(&value));
                if fields.iter().any(|(other, _)| *other == name) {
                    let message = format!("`{name}` is in the data twice; leave one of them");
                    mistakes.push(syn::Error::new(name.span(), message));
                }
                fields.push((name, value));
            }
        } else {
            mistakes.push(slip(&content)?);
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(fields)
}

/// `name`, `name = ..`, or `name: ..` by mistake.
fn begins_with_name(content: ParseStream<'_>) -> bool {
    let ahead = content.fork();
    ahead.call(Ident::parse_any).is_ok()
        && (ahead.is_empty()
            || ahead.peek(Token![,])
            || (ahead.peek(Token![=]) && !ahead.peek(Token![==]))
            || (ahead.peek(Token![:]) && !ahead.peek(Token![::])))
}

fn field(content: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<Option<(Ident, Expr)>> {
    let name = content.call(Ident::parse_any)?;
    if content.peek(Token![=]) {
        content.parse::<Token![=]>()?;
        return Ok(Some((name, content.parse()?)));
    }
    if content.peek(Token![:]) {
        let colon: Token![:] = content.parse()?;
        let value: Expr = content.parse()?;
        let message = format!("a field of `data` has its value behind `=`; write `{name} = {}`", written(&value));
        mistakes.push(syn::Error::new(colon.span, message));
        return Ok(None);
    }
    if name != "self" && syn::parse2::<Ident>(name.to_token_stream()).is_err() {
        let message = format!("`{name}` is a keyword, so no argument has this name; write `{name} = value`");
        mistakes.push(syn::Error::new(name.span(), message));
        return Ok(None);
    }
    let value = parse_quote!(#name);
    Ok(Some((name, value)))
}

/// An expression without a name, or a name in quotes.
fn slip(content: ParseStream<'_>) -> syn::Result<syn::Error> {
    let given: Expr = content.parse()?;
    let message = match &given {
        Expr::Assign(assign) => {
            let name = name_in_quotes(&assign.left).unwrap_or_else(|| written(&assign.left));
            format!("the name of a field is an identifier; write `{name} = {}`", written(&assign.right))
        }
        given => {
            if let Some(name) = name_in_quotes(given) {
                format!("`data` names arguments without quotes; write `{name}`")
            } else {
                let name = name_for(given).map_or_else(|| "name".to_owned(), |name| name.unraw().to_string());
                format!("a field of `data` needs a name; write `{name} = {}`", written(given))
            }
        }
    };
    Ok(syn::Error::new(given.span(), message))
}

fn name_in_quotes(expression: &Expr) -> Option<String> {
    let text: LitStr = literal(expression)?;
    text.parse_with(Ident::parse_any).ok().map(|name| name.to_string())
}

/// A name for the value of `new.email`, `new.email()`, `&email`.
fn name_for(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Field(field) => match &field.member {
            syn::Member::Named(name) => Some(name),
            syn::Member::Unnamed(_) => None,
        },
        Expr::MethodCall(call) => Some(&call.method),
        Expr::Reference(reference) => name_for(&reference.expr),
        Expr::Paren(inner) => name_for(&inner.expr),
        Expr::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

//! Reads the arguments; goes on behind a mistake, so that all are reported.

use proc_macro2::{Span, TokenStream};
use syn::{
    Expr, ExprLit, Ident, Lit, LitStr, Path, Token,
    ext::IdentExt,
    parenthesized,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    spanned::Spanned,
};

use super::{Args, Data, Delivery, IdField, Kind, On, OnPublishError, keys};
use crate::{crate_path, expression, names};

/// Mistakes, collected.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    pub(crate) fn ok<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

pub(super) fn args(kind: Kind, span: Span, tokens: TokenStream, errors: &mut Errors) -> Option<Args> {
    let mut args = Args {
        kind,
        span,
        values: Vec::new(),
        id: None,
        data: None,
        tags: Vec::new(),
        delivery: None,
        transaction: None,
        on_publish_error: None,
        on: None,
        krate: None,
    };
    let mut seen = Seen::default();
    let (target, names, mistakes) = (&mut args, &mut seen, &mut *errors);
    let parser = move |input: ParseStream<'_>| {
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            entry(target, names, &key, input, mistakes)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    // Behind a mistake of syntax nothing can be said of the rest.
    let parsed = parser.parse2(tokens);
    errors.ok(parsed)?;
    for (key, example) in keys::required(kind) {
        if !seen.given.iter().any(|name| name == key) && !seen.meant.contains(key) {
            let message = format!("`{}` needs `{key}`; write `{example}`", kind.name());
            errors.push(syn::Error::new(span, message));
        }
    }
    Some(args)
}

#[derive(Default)]
struct Seen {
    given: Vec<String>,
    /// Keys that a misspelt one probably stands for: they are not missing besides.
    meant: Vec<&'static str>,
}

/// Reads what follows `key`.
fn entry(
    args: &mut Args,
    seen: &mut Seen,
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<()> {
    let name = key.to_string();
    if !keys::known(args.kind).any(|known| known == name) {
        let suggestion = names::suggestion(&name, keys::known(args.kind), "the keys are");
        errors.push(syn::Error::new(key.span(), format!("`{}` has no key `{name}`{suggestion}", args.kind.name())));
        seen.meant.extend(names::nearest(&name, keys::known(args.kind)));
        return skip(input);
    }
    if seen.given.contains(&name) {
        errors.push(syn::Error::new(key.span(), format!("`{name}` is given twice; leave one of them")));
        return skip(input);
    }
    match name.as_str() {
        "data" if input.peek(syn::token::Paren) => args.data = Some(Data::Fields(fields(input, errors)?)),
        "compliance_tags" => {
            let content;
            parenthesized!(content in input);
            args.tags = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?.into_iter().collect();
            for tag in &args.tags {
                errors.ok(expression::check(tag));
            }
        }
        "crate" => {
            input.parse::<Token![=]>()?;
            let path = input.call(Path::parse_mod_style)?;
            args.krate = errors.ok(crate_path::check(&path).map(|()| path));
        }
        _ => {
            input.parse::<Token![=]>()?;
            let value: Expr = input.parse()?;
            errors.ok(expression::check(&value));
            value_of(args, key, value, errors);
        }
    }
    seen.given.push(name);
    Ok(())
}

fn value_of(args: &mut Args, key: &Ident, value: Expr, errors: &mut Errors) {
    let name = key.to_string();
    match name.as_str() {
        "data" => args.data = Some(Data::Whole(value)),
        "transaction" => args.transaction = Some(value),
        "delivery" => {
            let choices = [("outbox", Delivery::Outbox), ("direct", Delivery::Direct)];
            args.delivery = errors.ok(choice(key, &value, &choices)).map(|delivery| (delivery, value.span()));
        }
        "on_publish_error" => {
            let choices = [("log", OnPublishError::Log), ("fail", OnPublishError::Fail)];
            args.on_publish_error = errors.ok(choice(key, &value, &choices)).map(|policy| (policy, key.span()));
        }
        "on" => {
            let choices = [("success", On::Success), ("failure", On::Failure), ("both", On::Both)];
            args.on = errors.ok(choice(key, &value, &choices)).map(|on| (on, value.span()));
        }
        _ if name == args.kind.id_key() => match value {
            Expr::Path(path) if args.kind == Kind::Audit && path.path.is_ident("none") => args.id = Some(IdField::None),
            value => args.id = errors.ok(text(key, &value)).map(IdField::Path),
        },
        _ => args.values.push((key.clone(), value)),
    }
}

/// `name = expr, name`
fn fields(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<(Ident, Expr)>> {
    let content;
    parenthesized!(content in input);
    let mut fields: Vec<(Ident, Expr)> = Vec::new();
    while !content.is_empty() {
        let name = content.call(Ident::parse_any)?;
        let value: Expr = if content.peek(Token![=]) {
            content.parse::<Token![=]>()?;
            content.parse()?
        } else {
            syn::parse_quote!(#name)
        };
        errors.ok(expression::check(&value));
        if fields.iter().any(|(other, _)| *other == name) {
            errors.push(syn::Error::new(name.span(), format!("`{name}` is in the data twice; leave one of them")));
        }
        fields.push((name, value));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(fields)
}

/// Passes over a value that nothing is known of.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(syn::token::Paren) {
        let content;
        parenthesized!(content in input);
        content.parse::<TokenStream>()?;
    } else if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        input.parse::<Expr>()?;
    }
    Ok(())
}

/// A string literal.
pub(super) fn text(key: &Ident, value: &Expr) -> syn::Result<LitStr> {
    match literal(value) {
        Some(text) => Ok(text),
        None => Err(syn::Error::new_spanned(value, format!("`{key}` is a text; write it in quotes"))),
    }
}

pub(crate) fn literal(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        // What a `macro_rules!` passed on as an expression.
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(key: &Ident, value: &Expr, choices: &[(&str, T)]) -> syn::Result<T> {
    let given = text(key, value)?;
    let found = choices.iter().find(|(word, _)| *word == given.value());
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        syn::Error::new(given.span(), format!("`{key}` cannot be \"{}\"; write {}", given.value(), words.join(" or ")))
    })
}

//! Reads the arguments. Reading goes on behind a mistake, so that all are reported.

use proc_macro2::{Span, TokenStream};
use syn::{
    Expr, Ident, LitStr, Path, Token,
    ext::IdentExt,
    parenthesized,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    spanned::Spanned,
    token,
};

use super::{
    Args, Data, Delivery, IdField, On, OnPublishError,
    fields::fields,
    keys, slips, typed,
    words::{choice, literal, text},
};
use crate::syntax::{crate_path, expression, kind::Kind, mistakes::Mistakes};

pub(super) fn args(kind: Kind, span: Span, tokens: TokenStream, mistakes: &mut Mistakes) -> Option<Args> {
    let mut args = Args {
        kind,
        span,
        typed: None,
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
    let mut found = Mistakes::default();
    let (target, names, own) = (&mut args, &mut seen, &mut found);
    let parser = move |input: ParseStream<'_>| {
        target.typed = typed::first(kind, input, own)?;
        while !input.is_empty() {
            if let Some(late) = typed::late(kind, input)? {
                names.is_late = true;
                own.push(late);
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
                continue;
            }
            let key = input.call(Ident::parse_any)?;
            entry(target, names, &key, input, own)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    // Tokens behind a mistake of syntax cannot be read.
    let parsed = parser.parse2(tokens);
    if parsed.is_ok()
        && let Some(other) = keys::of_another_kind(kind, &seen.given, &seen.unknown)
    {
        mistakes.push(slips::another_kind(kind, other, seen.at.unwrap_or(span)));
        return None;
    }
    if let Err(found) = found.finish() {
        mistakes.push(found);
    }
    mistakes.ok(parsed)?;
    let is_missing = |key: &str| !seen.given.iter().any(|name| name == key) && !seen.meant.contains(&key);
    let missing: Vec<_> = keys::required(kind).iter().copied().filter(|(key, _)| is_missing(key)).collect();
    let has_event = args.typed.is_some() || seen.is_late;
    if !missing.is_empty() && !has_event {
        mistakes.push(slips::missing(kind, &missing, span));
    }
    Some(args)
}

#[derive(Default)]
struct Seen {
    given: Vec<String>,
    /// Keys that a misspelt one probably stands for. They do not count as missing.
    meant: Vec<&'static str>,
    /// Keys that this attribute does not have.
    unknown: Vec<String>,
    /// An event stands behind a key.
    is_late: bool,
    /// The span of the first unknown key.
    at: Option<Span>,
}

/// Reads the tokens behind `key`.
fn entry(
    args: &mut Args,
    seen: &mut Seen,
    key: &Ident,
    input: ParseStream<'_>,
    mistakes: &mut Mistakes,
) -> syn::Result<()> {
    let name = key.to_string();
    if !keys::known(args.kind).any(|known| known == name) {
        let (error, meant) = slips::unknown(args.kind, &name, key.span());
        mistakes.push(error);
        seen.meant.extend(meant);
        seen.unknown.push(name);
        seen.at.get_or_insert(key.span());
        return slips::skip(input);
    }
    if args.typed.is_some() && typed::replaces(&name) {
        mistakes.push(typed::beside(key));
        return slips::skip(input);
    }
    if seen.given.contains(&name) {
        mistakes.push(syn::Error::new(key.span(), format!("`{name}` is given twice; leave one of them")));
        return slips::skip(input);
    }
    match name.as_str() {
        "data" if input.peek(token::Paren) => args.data = Some(Data::Fields(fields(input, mistakes)?)),
        "data" if input.peek(token::Brace) || input.peek(token::Bracket) => mistakes.push(slips::data(key, input)?),
        "compliance_tags" if !input.peek(token::Paren) => mistakes.push(slips::tags(key, input)?),
        "compliance_tags" => {
            let content;
            parenthesized!(content in input);
            args.tags = Punctuated::<Expr, Token![,]>::parse_terminated(&content)?.into_iter().collect();
            for tag in &args.tags {
                mistakes.ok(expression::check(tag));
            }
        }
        "crate" => {
            input.parse::<Token![=]>()?;
            if input.peek(LitStr) {
                mistakes.push(slips::in_quotes(&name, &input.parse()?));
            } else {
                let path = input.call(Path::parse_mod_style)?;
                args.krate = mistakes.ok(crate_path::check(&path).map(|()| path));
            }
        }
        _ => {
            if let Some(value) = slips::value(key, input, mistakes)? {
                mistakes.ok(expression::check(&value));
                value_of(args, key, value, mistakes);
            }
        }
    }
    seen.given.push(name);
    Ok(())
}

fn value_of(args: &mut Args, key: &Ident, value: Expr, mistakes: &mut Mistakes) {
    let name = key.to_string();
    match name.as_str() {
        "data" => args.data = Some(Data::Whole(value)),
        "transaction" => match literal(&value) {
            Some(text) => mistakes.push(slips::in_quotes(&name, &text)),
            None => args.transaction = Some(value),
        },
        "delivery" => {
            let choices = [("outbox", Delivery::Outbox), ("direct", Delivery::Direct)];
            args.delivery = mistakes.ok(choice(key, &value, &choices)).map(|delivery| (delivery, value.span()));
        }
        "on_publish_error" => {
            let choices = [("log", OnPublishError::Log), ("fail", OnPublishError::Fail)];
            args.on_publish_error = mistakes.ok(choice(key, &value, &choices)).map(|policy| (policy, key.span()));
        }
        "on" => {
            let choices = [("success", On::Success), ("failure", On::Failure), ("both", On::Both)];
            args.on = mistakes.ok(choice(key, &value, &choices)).map(|on| (on, value.span()));
        }
        _ if name == args.kind.id_key() => match value {
            Expr::Path(path) if args.kind == Kind::Audit && path.path.is_ident("none") => args.id = Some(IdField::None),
            Expr::Path(path) if path.path.is_ident("none") => mistakes.push(slips::no_id(args.kind, &path)),
            value => args.id = mistakes.ok(text(key, &value)).map(IdField::Path),
        },
        _ => args.values.push((key.clone(), value)),
    }
}

//! `#[event_handlers(..)]` and `#[event_handler(..)]`, as they were written.

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    spanned::Spanned,
};

use super::METHOD;
use crate::syntax::{
    args::{literal, skip, text},
    crate_path,
    mistakes::Mistakes,
    suggest::suggestion,
};

const KNOWN: [&str; 6] = ["topic", "event_type", "attempts", "timeout", "inbox", "envelope"];

/// The keys of a method.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) topic: Option<LitStr>,
    pub(super) event_types: Vec<LitStr>,
    pub(super) attempts: Option<LitInt>,
    /// In milliseconds.
    pub(super) timeout: Option<u64>,
    /// The place of `inbox = none`.
    pub(super) no_inbox: Option<Span>,
    /// The place of `envelope = none`.
    pub(super) no_envelope: Option<Span>,
    given: Vec<(String, Span)>,
}

/// The path of `crate = path` on the block.
pub(super) fn krate(args: TokenStream, mistakes: &mut Mistakes) -> Option<Path> {
    let mut krate = None;
    let (target, own) = (&mut krate, &mut *mistakes);
    let parser = move |input: ParseStream<'_>| {
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            if key == "crate" {
                input.parse::<Token![=]>()?;
                if input.peek(LitStr) {
                    let quoted: LitStr = input.parse()?;
                    let message = format!("`crate` stands without quotes; write `crate = {}`", quoted.value());
                    own.push(syn::Error::new(quoted.span(), message));
                } else {
                    let path = input.call(Path::parse_mod_style)?;
                    *target = own.ok(crate_path::check(&path).map(|()| path));
                }
            } else {
                let hint = if KNOWN.contains(&&*key.to_string()) {
                    format!("; write it on a method: `#[{METHOD}({key} = ..)]`")
                } else {
                    "; its key is `crate`".to_owned()
                };
                own.push(syn::Error::new(key.span(), format!("`event_handlers` has no key `{key}`{hint}")));
                skip(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    let parsed = parser.parse2(args);
    mistakes.ok(parsed);
    krate
}

impl Keys {
    pub(super) fn read(attributes: &[Attribute], mistakes: &mut Mistakes) -> Self {
        let mut keys = Self::default();
        if let Some(second) = attributes.get(1) {
            let message = format!("a method has one `{METHOD}`; write all the keys in it");
            mistakes.push(syn::Error::new_spanned(second.path(), message));
        }
        let Some(attribute) = attributes.first() else { return keys };
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => {
                let (target, found) = (&mut keys, &mut *mistakes);
                let parser = move |input: ParseStream<'_>| target.entries(input, found);
                let parsed = parser.parse2(list.tokens.clone());
                mistakes.ok(parsed);
            }
            meta @ Meta::NameValue(_) => {
                let message = format!("`{METHOD}` has its keys in parentheses; write `#[{METHOD}(topic = \"..\")]`");
                mistakes.push(syn::Error::new_spanned(meta, message));
            }
        }
        keys
    }

    /// The place of a key that was written, with or without a mistake in its value.
    pub(super) fn place(&self, key: &str) -> Option<Span> {
        self.given.iter().find(|(given, _)| given == key).map(|(_, span)| *span)
    }

    fn entries(&mut self, input: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<()> {
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            self.entry(&key, input, mistakes)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &Ident, input: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<()> {
        let name = key.to_string();
        if !KNOWN.contains(&&*name) {
            let hint = if name == "crate" {
                "; write it on the block: `#[event_handlers(crate = ..)]`".to_owned()
            } else {
                suggestion(&name, KNOWN, "the keys are")
            };
            mistakes.push(syn::Error::new(key.span(), format!("`{METHOD}` has no key `{key}`{hint}")));
            return skip(input);
        }
        if self.place(&name).is_some() {
            mistakes.push(syn::Error::new(key.span(), format!("`{key}` is given twice; leave one of them")));
            return skip(input);
        }
        self.given.push((name.clone(), key.span()));
        if !input.peek(Token![=]) {
            let message = format!("`{key}` has its value behind `=`; write `{key} = {}`", example(&name));
            mistakes.push(syn::Error::new(key.span(), message));
            return skip(input);
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        match name.as_str() {
            "topic" => self.topic = mistakes.ok(text(key, &value)),
            "event_type" => self.event_types = event_types(key, &value, mistakes),
            "attempts" => self.attempts = mistakes.ok(attempts(&value)),
            "timeout" => self.timeout = mistakes.ok(timeout(&value)),
            "inbox" => self.no_inbox = mistakes.ok(none(key, &value)),
            _ => self.no_envelope = mistakes.ok(none(key, &value)),
        }
        Ok(())
    }
}

fn event_types(key: &Ident, value: &Expr, mistakes: &mut Mistakes) -> Vec<LitStr> {
    let mut types: Vec<LitStr> = match value {
        Expr::Array(list) => list.elems.iter().filter_map(|element| mistakes.ok(text(key, element))).collect(),
        value => mistakes.ok(text(key, value)).into_iter().collect(),
    };
    if let Expr::Array(list) = value
        && list.elems.is_empty()
    {
        let message = "`event_type` is an empty list; name a type, or leave the key out for every event of the topic";
        mistakes.push(syn::Error::new_spanned(value, message));
    }
    for (index, name) in types.iter().enumerate() {
        if name.value().is_empty() {
            let message = "`event_type` is empty; name it, or leave the key out for every event of the topic";
            mistakes.push(syn::Error::new(name.span(), message));
        } else if types[..index].iter().any(|before| before.value() == name.value()) {
            let message = format!("`{}` stands twice in the list; leave one of them", name.value());
            mistakes.push(syn::Error::new(name.span(), message));
        }
    }
    types.retain(|name| !name.value().is_empty());
    types
}

fn attempts(value: &Expr) -> syn::Result<LitInt> {
    let wrong = |problem: &str| syn::Error::new_spanned(value, format!("`attempts` {problem}; write `attempts = 5`"));
    let Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) = ungrouped(value) else {
        return Err(wrong("is a number"));
    };
    match number.base10_parse::<u32>() {
        Ok(0) => Err(syn::Error::new(
            number.span(),
            "`attempts` counts the first call too; write `attempts = 1` for an event that is not tried again",
        )),
        Ok(_) => Ok(number.clone()),
        Err(_) => Err(wrong("is a `u32`")),
    }
}

fn timeout(value: &Expr) -> syn::Result<u64> {
    let wrong = |problem: &str| {
        syn::Error::new_spanned(value, format!("`timeout` {problem}; write `timeout = \"30s\"` (ms, s, m, h)"))
    };
    let text = literal(ungrouped(value)).ok_or_else(|| wrong("is a text with its unit"))?.value();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(wrong("has no unit")),
        _ => return Err(wrong(&format!("cannot be \"{text}\""))),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(0) => Err(wrong("is zero, and every call would fail")),
        Some(time) => Ok(time),
        None => Err(wrong(&format!("cannot be \"{text}\""))),
    }
}

/// `none`, the only value of a key that takes something away.
fn none(key: &Ident, value: &Expr) -> syn::Result<Span> {
    match ungrouped(value) {
        Expr::Path(path) if path.path.is_ident("none") => Ok(path.span()),
        other => {
            let problem = if literal(other).is_some_and(|text| text.value() == "none") {
                "stands without quotes"
            } else {
                "can be `none` alone"
            };
            Err(syn::Error::new_spanned(other, format!("`{key}` {problem}; write `{key} = none`, or leave it out")))
        }
    }
}

/// A `macro_rules!` passes an expression on in an invisible group.
fn ungrouped(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => ungrouped(&group.expr),
        other => other,
    }
}

fn example(key: &str) -> &'static str {
    match key {
        "attempts" => "5",
        "timeout" => "\"30s\"",
        "inbox" | "envelope" => "none",
        _ => "\"..\"",
    }
}

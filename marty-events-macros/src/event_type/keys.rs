//! `#[event(..)]` on a type, a variant and a field, as it was written.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{
    Attribute, Expr, Ident, LitInt, LitStr, Meta, Path, Token, Type,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use super::name;
use crate::syntax::{
    args::skip,
    crate_path,
    kind::Kind,
    mistakes::Mistakes,
    suggest::{nearest, suggestion},
};

/// The place of an `#[event(..)]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Struct,
    Enum,
    Variant,
    Field,
}

/// The keys of one place, each with the span of its name.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) service: Option<LitStr>,
    pub(super) aggregate_type: Option<LitStr>,
    pub(super) topic: Option<LitStr>,
    pub(super) event_type: Option<LitStr>,
    pub(super) version: Option<LitInt>,
    pub(super) schema_version: Option<LitStr>,
    pub(super) schema_url: Option<LitStr>,
    pub(super) from: Option<Type>,
    pub(super) krate: Option<Path>,
    pub(super) id: Option<Span>,
    given: Vec<String>,
}

impl Keys {
    pub(super) fn read(kind: Kind, place: Place, attributes: &[Attribute], mistakes: &mut Mistakes) -> Self {
        let mut keys = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("event")) {
            match &attribute.meta {
                Meta::List(list) => {
                    let (target, found) = (&mut keys, &mut *mistakes);
                    let parser = move |input: ParseStream<'_>| target.entries(kind, place, input, found);
                    let parsed = parser.parse2(list.tokens.clone());
                    mistakes.ok(parsed);
                }
                meta => {
                    let line = place.example(kind);
                    let message = format!("`event` has its keys in parentheses; write `#[event({line})]`");
                    mistakes.push(syn::Error::new_spanned(meta, message));
                    // They are not missing too.
                    keys.given.extend(place.known(kind).iter().map(|key| (*key).to_owned()));
                }
            }
        }
        keys
    }

    /// True if the key was written, with or without a mistake in its value. A misspelt key counts as the one that was meant.
    pub(super) fn has(&self, key: &str) -> bool {
        self.given.iter().any(|given| given == key)
    }

    fn entries(
        &mut self,
        kind: Kind,
        place: Place,
        input: ParseStream<'_>,
        mistakes: &mut Mistakes,
    ) -> syn::Result<()> {
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            self.entry(kind, place, &key, input, mistakes)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        kind: Kind,
        place: Place,
        key: &Ident,
        input: ParseStream<'_>,
        mistakes: &mut Mistakes,
    ) -> syn::Result<()> {
        let text = key.to_string();
        let known = place.known(kind);
        if !known.contains(&&*text) {
            mistakes.push(unknown(kind, place, key, known));
            self.given.extend(nearest(&text, known.iter().copied()).map(str::to_owned));
            return skip(input);
        }
        if self.has(&text) {
            mistakes.push(syn::Error::new(key.span(), format!("`{key}` is given twice; leave one of them")));
            return skip(input);
        }
        self.given.push(text.clone());
        if text == "id" {
            self.id = Some(key.span());
            if !input.is_empty() && !input.peek(Token![,]) {
                mistakes.push(syn::Error::new(key.span(), "`id` stands alone; write `#[event(id)]`"));
                return skip(input);
            }
            return Ok(());
        }
        if !input.peek(Token![=]) {
            let message = format!("`{key}` has its value behind `=`; write `{key} = {}`", example(&text));
            mistakes.push(syn::Error::new(key.span(), message));
            return skip(input);
        }
        input.parse::<Token![=]>()?;
        match text.as_str() {
            "crate" | "from" if input.peek(LitStr) => {
                let quoted: LitStr = input.parse()?;
                let message = format!("`{key}` stands without quotes; write `{key} = {}`", quoted.value());
                mistakes.push(syn::Error::new(quoted.span(), message));
            }
            "crate" => {
                let path = input.call(Path::parse_mod_style)?;
                self.krate = mistakes.ok(crate_path::check(&path).map(|()| path));
            }
            "from" => self.from = Some(input.parse()?),
            "event_version" => self.version = mistakes.ok(version(&input.parse()?)),
            _ => {
                let value: Expr = input.parse()?;
                let text = mistakes.ok(crate::syntax::args::text(key, &value));
                match key.to_string().as_str() {
                    "service" => self.service = text,
                    "aggregate_type" => self.aggregate_type = text,
                    "topic" => self.topic = text,
                    "schema_version" => self.schema_version = text,
                    "schema_url" => self.schema_url = text,
                    _ => self.event_type = text,
                }
            }
        }
        Ok(())
    }
}

impl Place {
    fn known(self, kind: Kind) -> &'static [&'static str] {
        match (self, kind) {
            (Self::Struct, Kind::Custom) => &["service", "topic", "event_type", "crate"],
            (Self::Struct, _) => &[
                "service",
                "aggregate_type",
                "event_type",
                "event_version",
                "from",
                "schema_version",
                "schema_url",
                "crate",
            ],
            (Self::Enum, Kind::Custom) => &["service", "topic", "crate"],
            (Self::Enum, _) => &["service", "aggregate_type", "event_version", "from", "schema_version", "crate"],
            (Self::Variant, Kind::Custom) => &["event_type"],
            (Self::Variant, _) => &["event_type", "schema_url"],
            (Self::Field, _) => &["id"],
        }
    }

    fn example(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Struct, Kind::Custom) => "topic = \"billing.ledger\", event_type = \"entry_posted\"",
            (Self::Struct, _) => "aggregate_type = \"user\", event_type = \"user_created\"",
            (Self::Enum, Kind::Custom) => "topic = \"billing.ledger\"",
            (Self::Enum, _) => "aggregate_type = \"user\"",
            (Self::Variant, _) => "event_type = \"user_created\"",
            (Self::Field, _) => "id",
        }
    }
}

fn unknown(kind: Kind, place: Place, key: &Ident, known: &[&str]) -> syn::Error {
    let derive = name(kind);
    let message = match (place, key.to_string().as_str()) {
        (Place::Struct | Place::Enum, "topic") => format!(
            "a `{derive}` has no `topic`; its topic is made of service, aggregate and type, or derive `CustomEvent`"
        ),
        (Place::Struct | Place::Enum, "aggregate_type") => {
            format!("a `{derive}` has no `aggregate_type`; write `topic = \"billing.ledger\"`, or derive `DomainEvent`")
        }
        (Place::Struct | Place::Enum, "event_version" | "from") => {
            format!(
                "a `{derive}` has no version on the wire, so `{key}` cannot be read; leave it out, or derive `DomainEvent`"
            )
        }
        (Place::Struct | Place::Enum | Place::Variant, "schema_version" | "schema_url") if kind == Kind::Custom => {
            format!("a `{derive}` has no `{key}` on the wire; leave it out, or derive `DomainEvent`")
        }
        (Place::Enum, "schema_url") => {
            "each variant of an enum has a schema of its own; write `#[event(schema_url = \"..\")]` on the variants"
                .to_owned()
        }
        (Place::Enum, "event_type") => {
            "each variant of an enum is a type of its own; write `#[event(event_type = \"..\")]` on the variants"
                .to_owned()
        }
        (Place::Struct | Place::Enum, "id") => "the id is a field; write `#[event(id)]` on it".to_owned(),
        (Place::Field, "key") => "the field is marked by `id`; write `#[event(id)]`".to_owned(),
        (_, text) => {
            let hint = suggestion(text, known.iter().copied(), "the keys here are");
            format!("`event` has no key `{key}` here{hint}")
        }
    };
    syn::Error::new(key.span(), message)
}

fn version(value: &Expr) -> syn::Result<LitInt> {
    let mut value = value;
    while let Expr::Group(group) = value {
        value = &group.expr;
    }
    let number = match value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => Some(number),
        _ => None,
    };
    let wrong = |problem: &str| {
        let shown = value.to_token_stream().to_string();
        syn::Error::new_spanned(
            value,
            format!("`event_version` {problem}; write `event_version = 2` in place of `{shown}`"),
        )
    };
    let number = number.ok_or_else(|| wrong("is a number"))?;
    match number.base10_parse::<u32>() {
        Ok(0) => Err(syn::Error::new(
            number.span(),
            "`event_version` begins with 1; write `event_version = 1`, or leave it out",
        )),
        Ok(_) => Ok(number.clone()),
        Err(_) => Err(wrong("is a `u32`")),
    }
}

fn example(key: &str) -> &'static str {
    match key {
        "event_version" => "2",
        "from" => "OlderVersion",
        "crate" => "::path",
        _ => "\"..\"",
    }
}

//! Rules of a typed event. All the mistakes of a type are reported at once.

use syn::{Data, DeriveInput, Field, Fields, Ident, LitStr, Type, parse_quote, spanned::Spanned};

use super::{
    keys::{Keys, Place},
    model::{Model, Shape},
    name,
};
use crate::syntax::{documentation::documentation, kind::Kind, mistakes::Mistakes, topic::topic_part};

pub(super) fn model(kind: Kind, input: DeriveInput) -> syn::Result<Model> {
    let mut mistakes = Mistakes::default();
    let place = if matches!(input.data, Data::Enum(_)) { Place::Enum } else { Place::Struct };
    let mut keys = Keys::read(kind, place, &input.attrs, &mut mistakes);
    let shapes = match &input.data {
        Data::Struct(data) => {
            let id = id(kind, &input.ident, &data.fields, Place::Struct, &mut mistakes);
            let (event_type, schema_url) = (keys.event_type.take(), keys.schema_url.take());
            event_type
                .map(|event_type| Shape { variant: None, event_type, schema_url, id, documentation: String::new() })
                .into_iter()
                .collect()
        }
        Data::Enum(data) => variants(kind, &input.ident, data, &mut mistakes),
        Data::Union(data) => {
            let message = "a union has no JSON; write a struct with named fields";
            return Err(syn::Error::new(data.union_token.span, message));
        }
    };
    required(kind, place, &input.ident, &keys, &mut mistakes);
    let subject = if kind == Kind::Custom { keys.topic.take() } else { keys.aggregate_type.take() };
    let key = if kind == Kind::Custom { "topic" } else { "aggregate_type" };
    if let Some(subject) = &subject {
        mistakes.ok(topic_part(key, subject));
    }
    for shape in &shapes {
        mistakes.ok(event_type(kind, &shape.event_type));
        if let Some(url) = &shape.schema_url {
            mistakes.ok(named("schema_url", url));
        }
    }
    if let Some(service) = &keys.service {
        mistakes.ok(named("service", service));
    }
    if let Some(version) = &keys.schema_version {
        mistakes.ok(named("schema_version", version));
    }
    if let (Some(from), None) = (&keys.from, keys.version.as_ref().filter(|version| version.base10_digits() != "1")) {
        // A mistake in the version itself was reported.
        if keys.version.is_some() || !keys.has("event_version") {
            let message =
                "version 1 has no version before it; write `event_version = 2` beside `from`, or leave `from` out";
            mistakes.push(syn::Error::new_spanned(from, message));
        }
    }
    mistakes.finish()?;
    let Some(subject) = subject else {
        return Err(syn::Error::new(input.ident.span(), format!("`{}` needs `{key}`", name(kind))));
    };
    Ok(Model {
        kind,
        krate: keys.krate.unwrap_or_else(|| parse_quote!(::marty_events)),
        ident: input.ident,
        generics: input.generics,
        service: keys.service,
        subject,
        version: keys.version,
        from: keys.from,
        schema_version: keys.schema_version,
        documentation: documentation(&input.attrs),
        shapes,
    })
}

fn variants(kind: Kind, ident: &Ident, data: &syn::DataEnum, mistakes: &mut Mistakes) -> Vec<Shape> {
    if data.variants.is_empty() {
        let message = "an enum without variants has no event; add a variant with `#[event(event_type = \"..\")]`";
        mistakes.push(syn::Error::new(ident.span(), message));
    }
    let mut shapes: Vec<Shape> = Vec::new();
    for variant in &data.variants {
        let keys = Keys::read(kind, Place::Variant, &variant.attrs, mistakes);
        let id = id(kind, &variant.ident, &variant.fields, Place::Variant, mistakes);
        match keys.event_type {
            Some(event_type) => {
                if shapes.iter().any(|shape| shape.event_type.value() == event_type.value()) {
                    let message = format!(
                        "`{}` is the type of another variant, and a consumer could not tell them apart; write another",
                        event_type.value()
                    );
                    mistakes.push(syn::Error::new(event_type.span(), message));
                }
                let documentation = documentation(&variant.attrs);
                shapes.push(Shape {
                    variant: Some(variant.ident.clone()),
                    event_type,
                    schema_url: keys.schema_url,
                    id,
                    documentation,
                });
            }
            None if keys.has("event_type") => {}
            None => {
                let message = "each variant is an event; write `#[event(event_type = \"..\")]` on it";
                mistakes.push(syn::Error::new(variant.ident.span(), message));
            }
        }
    }
    shapes
}

fn required(kind: Kind, place: Place, ident: &Ident, keys: &Keys, mistakes: &mut Mistakes) {
    let subject = match kind {
        Kind::Custom => ("topic", "topic = \"billing.ledger\""),
        _ => ("aggregate_type", "aggregate_type = \"user\""),
    };
    let own = [subject, ("event_type", "event_type = \"user_created\"")];
    let needed = if place == Place::Enum { &own[..1] } else { &own[..] };
    let missing: Vec<_> = needed.iter().filter(|(key, _)| !keys.has(key)).collect();
    if missing.is_empty() {
        return;
    }
    let names: Vec<String> = missing.iter().map(|(key, _)| format!("`{key}`")).collect();
    let lines: Vec<&str> = missing.iter().map(|(_, line)| *line).collect();
    let message = format!("`{}` needs {}; write `#[event({})]`", name(kind), names.join(", "), lines.join(", "));
    mistakes.push(syn::Error::new(ident.span(), message));
}

/// The field with `#[event(id)]`.
fn id(kind: Kind, ident: &Ident, fields: &Fields, place: Place, mistakes: &mut Mistakes) -> Option<Ident> {
    let Fields::Named(fields) = fields else {
        let item =
            if place == Place::Variant { format!("{ident} {{ .. }}") } else { format!("struct {ident} {{ .. }}") };
        let message = format!("an event has named fields, which its consumers read; write `{item}`");
        mistakes.push(syn::Error::new(ident.span(), message));
        return None;
    };
    let mut found: Option<&Field> = None;
    for field in &fields.named {
        let keys = Keys::read(kind, Place::Field, &field.attrs, mistakes);
        if keys.has("id") && found.is_some() {
            let message = "one field is the id; remove `#[event(id)]` here or above";
            mistakes.push(syn::Error::new(keys.id.unwrap_or_else(|| field.span()), message));
        } else if keys.has("id") {
            found = Some(field);
        }
    }
    match found {
        Some(field) => {
            mistakes.ok(no_option(kind, &field.ty));
            field.ident.clone()
        }
        None if kind == Kind::Custom => None,
        None => {
            let message = format!("`{ident}` has no id, the one of its aggregate; write `#[event(id)]` on one field");
            mistakes.push(syn::Error::new(ident.span(), message));
            None
        }
    }
}

fn no_option(kind: Kind, ty: &Type) -> syn::Result<()> {
    let mut inner = ty;
    while let Type::Group(group) = inner {
        inner = &group.elem;
    }
    let Type::Path(path) = inner else { return Ok(()) };
    if path.path.segments.last().is_none_or(|last| last.ident != "Option") {
        return Ok(());
    }
    let way_out = if kind == Kind::Custom {
        "mark a field that is always there, or leave `#[event(id)]` out"
    } else {
        "take the `Option` apart before the event is made"
    };
    Err(syn::Error::new_spanned(ty, format!("an id is always there, and this may be `None`; {way_out}")))
}

fn event_type(kind: Kind, text: &LitStr) -> syn::Result<()> {
    if kind == Kind::Custom { named("event_type", text) } else { topic_part("event_type", text) }
}

fn named(key: &str, text: &LitStr) -> syn::Result<()> {
    if !text.value().is_empty() {
        return Ok(());
    }
    let line = match key {
        "service" => "write the publishing service's `SERVICE_NAME`, or leave it out",
        "schema_version" => "write `schema_version = \"1.0\"`, or leave it out",
        "schema_url" => "write the URL of the schema, or leave it out",
        _ => "name it",
    };
    Err(syn::Error::new(text.span(), format!("`{key}` is empty; {line}")))
}

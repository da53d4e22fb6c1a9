//! Bounds of generic arguments.

use syn::{GenericParam, Generics, Ident, Type, TypeParamBound, WherePredicate, punctuated::Punctuated};

use crate::method::signature::peel;

/// True if the signature hides the argument's type: it may be a handle, or a connection that the body uses up.
pub(super) fn is_opaque(ty: &Type, generics: &Generics) -> bool {
    match peel(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => hides_all(&reference.elem, generics),
        Type::ImplTrait(of) => consumes_connection(of.bounds.iter()),
        other => parameter(other, generics).is_some_and(|name| consumes_connection(bounds(name, generics))),
    }
}

/// The generic parameter of the function that a type is.
fn parameter<'a>(ty: &'a Type, generics: &Generics) -> Option<&'a Ident> {
    let Type::Path(path) = peel(ty) else { return None };
    let name = path.path.get_ident()?;
    generics
        .params
        .iter()
        .any(|parameter| matches!(parameter, GenericParam::Type(parameter) if parameter.ident == *name))
        .then_some(name)
}

fn bounds<'a>(name: &Ident, generics: &'a Generics) -> Vec<&'a TypeParamBound> {
    let inline = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(parameter) if parameter.ident == *name => Some(&parameter.bounds),
        _ => None,
    });
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let behind = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) if parameter(&predicate.bounded_ty, generics) == Some(name) => {
            Some(&predicate.bounds)
        }
        _ => None,
    });
    inline.chain(behind).flat_map(Punctuated::iter).collect()
}

/// `T`, `impl Send`: the bounds say nothing about the value.
fn hides_all(ty: &Type, generics: &Generics) -> bool {
    match peel(ty) {
        Type::ImplTrait(of) => of.bounds.iter().all(is_marker),
        other => parameter(other, generics).is_some_and(|name| bounds(name, generics).into_iter().all(is_marker)),
    }
}

fn is_marker(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|last| ["Send", "Sync", "Sized", "Unpin"].iter().any(|marker| last.ident == marker)),
        TypeParamBound::Lifetime(_) => true,
        _ => false,
    }
}

/// `Executor` and `Acquire` of sqlx, and traits with such names. The body uses the value up, so nothing is left for the
/// event.
fn consumes_connection<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    bounds.into_iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            name.ends_with("Executor") || name.ends_with("Acquire")
        }),
        _ => false,
    })
}

//! Rules about the road: which argument is the transaction handle.

use proc_macro2::Span;
use syn::{
    Expr, FnArg, GenericParam, Generics, Ident, Pat, Type, TypeParamBound, WherePredicate, punctuated::Punctuated,
};

use crate::{
    args::{Args, Delivery, Errors},
    method::Method,
    model::{Argument, Handle},
};

pub(super) fn handle(attributes: &[Args], method: &mut Method, errors: &mut Errors) -> Handle {
    let named: Vec<&Expr> = attributes.iter().filter_map(|args| args.transaction.as_ref()).collect();
    for args in attributes.iter().filter(|args| args.delivery == Some(Delivery::Direct)) {
        if let Some(transaction) = &args.transaction {
            let message = "`delivery = \"direct\"` uses no transaction; leave one of the two";
            errors.push(syn::Error::new_spanned(transaction, message));
        }
    }
    if let Some(place) = named.first() {
        return named_handle(place, method);
    }
    if !attributes.is_empty() && attributes.iter().all(|args| args.delivery == Some(Delivery::Direct)) {
        return Handle::None;
    }
    Handle::ByType(arguments(method))
}

pub(super) fn outbox_demanded(attributes: &[Args]) -> Option<Span> {
    attributes.iter().find(|args| args.delivery == Some(Delivery::Outbox)).map(|args| args.span)
}

fn named_handle(place: &Expr, method: &Method) -> Handle {
    if let Expr::Path(path) = place
        && let Some(name) = path.path.get_ident()
        && method.signature.inputs.iter().any(|input| {
            matches!(input, FnArg::Typed(argument)
            if is_mut_ref(&argument.ty) && matches!(&*argument.pat, Pat::Ident(pattern) if pattern.ident == *name))
        })
    {
        return Handle::Argument(name.clone());
    }
    Handle::Place(place.clone())
}

/// The named arguments. Takes the `mut` off those that the body gets under a new binding.
fn arguments(method: &mut Method) -> Vec<Argument> {
    let generics = method.signature.generics.clone();
    let mut arguments = Vec::new();
    for input in &mut method.signature.inputs {
        let FnArg::Typed(argument) = input else { continue };
        let Pat::Ident(pattern) = &mut *argument.pat else { continue };
        let is_mut_ref = is_mut_ref(&argument.ty);
        let is_mutable = is_mut_ref && pattern.mutability.take().is_some();
        arguments.push(Argument {
            name: pattern.ident.clone(),
            ty: (*argument.ty).clone(),
            is_mut_ref,
            is_mutable,
            is_opaque: is_opaque(&argument.ty, &generics),
        });
    }
    arguments
}

/// `$ty:ty` of a `macro_rules!` comes in an invisible group, `(&mut T)` in parentheses.
fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        other => other,
    }
}

fn is_mut_ref(ty: &Type) -> bool {
    matches!(peel(ty), Type::Reference(reference) if reference.mutability.is_some())
}

/// Whether the signature hides what the argument is.
fn is_opaque(ty: &Type, generics: &Generics) -> bool {
    match peel(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => {
            parameter(&reference.elem, generics).is_some_and(|name| bounds(name, generics).is_empty())
        }
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

/// `Executor` and `Acquire` of sqlx: used up by the body, so that nothing is left for the event.
fn consumes_connection<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    bounds.into_iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|last| last.ident == "Executor" || last.ident == "Acquire")
        }
        _ => false,
    })
}

//! Types with the name of a transaction, of any library and at any place in an argument's type.

use quote::ToTokens;
use syn::{
    GenericParam, Generics, ParenthesizedGenericArguments, PathSegment, Type, TypeFnPtr, TypeParamBound,
    TypeTraitObject, WherePredicate, visit::Visit,
};

use crate::method::signature::peel;

/// Endings of names: transactions, types that lead to one, and connections on which one may be open.
const ENDS: [&str; 11] = [
    "Transaction",
    "Executor",
    "Acquire",
    "PgConnection",
    "MySqlConnection",
    "MysqlConnection",
    "SqliteConnection",
    "AnyConnection",
    "PoolConnection",
    "ClientSession",
    "Savepoint",
];

/// True if a name in the type, or in a bound of a generic in it, ends as the names of handles do.
///
/// Only the compiler knows the type itself. An argument that resembles a handle and is not one is refused there.
pub(super) fn resembles_handle(ty: &Type, generics: &Generics) -> bool {
    let mut search = Resemblance { generics, followed: Vec::new(), found: false };
    search.visit_type(ty);
    search.found
}

struct Resemblance<'g> {
    generics: &'g Generics,
    /// Types whose bounds were read.
    followed: Vec<String>,
    found: bool,
}

impl Resemblance<'_> {
    fn bounds(&mut self, ty: &Type) {
        let text = ty.to_token_stream().to_string();
        if self.followed.contains(&text) {
            return;
        }
        let generics = self.generics;
        for parameter in &generics.params {
            if let GenericParam::Type(parameter) = parameter
                && parameter.ident == text
            {
                self.followed.push(text.clone());
                self.all(&parameter.bounds);
            }
        }
        for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
            if let WherePredicate::Type(predicate) = predicate
                && referenced(&predicate.bounded_ty).to_token_stream().to_string() == text
            {
                self.followed.push(text.clone());
                self.all(&predicate.bounds);
            }
        }
    }

    fn all<'b>(&mut self, bounds: impl IntoIterator<Item = &'b TypeParamBound>) {
        for bound in bounds {
            self.visit_type_param_bound(bound);
        }
    }
}

/// `C` of `&'c mut C`
fn referenced(ty: &Type) -> &Type {
    match peel(ty) {
        Type::Reference(reference) => referenced(&reference.elem),
        other => other,
    }
}

impl Visit<'_> for Resemblance<'_> {
    fn visit_type(&mut self, ty: &Type) {
        if let Type::Path(_) = ty {
            self.bounds(ty);
        }
        syn::visit::visit_type(self, ty);
    }

    fn visit_path_segment(&mut self, segment: &PathSegment) {
        let name = segment.ident.to_string();
        // Connections that a pool gives out are not the method's.
        if name.ends_with("Pool") || name == "PhantomData" {
            return;
        }
        self.found |= ENDS.iter().any(|end| name.ends_with(end));
        syn::visit::visit_path_segment(self, segment);
    }

    // Names at run time do not show the type behind `dyn`.
    fn visit_type_trait_object(&mut self, object: &TypeTraitObject) {
        let is_called_so = |bound: &TypeParamBound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| {
                ["ConnectionTrait", "TransactionTrait", "GenericClient"].iter().any(|name| last.ident == name)
            }),
            _ => false,
        };
        self.found |= object.bounds.iter().any(is_called_so);
        syn::visit::visit_type_trait_object(self, object);
    }

    // A callback is handed its transaction by the body, and holds none.
    fn visit_parenthesized_generic_arguments(&mut self, _: &ParenthesizedGenericArguments) {}
    fn visit_type_fn_ptr(&mut self, _: &TypeFnPtr) {}
}

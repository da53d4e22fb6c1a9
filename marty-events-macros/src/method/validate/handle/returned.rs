//! Return values that may borrow from the handle. The handle must be free after the body, for the event.

use syn::{FnArg, Lifetime, ReceiverKind, Signature, Type, TypeReference, visit::Visit};

use crate::method::{async_shape::output, signature::peel};

/// The lifetimes in the return type.
pub(super) struct Returned {
    named: Vec<Lifetime>,
    /// `&str`, `Guard<'_>`, and no receiver that it would be borrowed from.
    elided: bool,
}

pub(super) fn lifetimes(signature: &Signature) -> Returned {
    let mut found = Lifetimes::default();
    if let Some(ty) = output(&signature.output, signature.asyncness.is_some()) {
        found.visit_type(&ty);
    }
    // A lifetime that two arguments share may be borrowed from the other one.
    let mut shared = Lifetimes::default();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                if let ReceiverKind::Reference(_, Some(lifetime), _) = &receiver.kind {
                    shared.named.push(lifetime.clone());
                }
                if let ReceiverKind::Typed(_, ty) = &receiver.kind {
                    shared.visit_type(ty);
                }
            }
            FnArg::Typed(argument) => shared.visit_type(&argument.ty),
        }
    }
    let is_own = |lifetime: &Lifetime| shared.named.iter().filter(|other| *other == lifetime).count() == 1;
    let named = found.named.into_iter().filter(is_own).collect();
    Returned { named, elided: found.elided && signature.receiver().is_none() }
}

impl Returned {
    pub(super) fn borrows_from(&self, ty: &Type) -> bool {
        match peel(ty) {
            Type::Reference(TypeReference { lifetime: Some(lifetime), mutability: Some(_), .. }) => {
                self.named.contains(lifetime) || (self.elided && lifetime.ident == "_")
            }
            Type::Reference(reference) => reference.mutability.is_some() && self.elided,
            _ => false,
        }
    }
}

#[derive(Default)]
struct Lifetimes {
    named: Vec<Lifetime>,
    elided: bool,
}

impl Visit<'_> for Lifetimes {
    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        match lifetime.ident.to_string().as_str() {
            "_" => self.elided = true,
            "static" => {}
            _ => self.named.push(lifetime.clone()),
        }
    }

    fn visit_type_reference(&mut self, reference: &TypeReference) {
        self.elided |= reference.lifetime.is_none();
        syn::visit::visit_type_reference(self, reference);
    }
}

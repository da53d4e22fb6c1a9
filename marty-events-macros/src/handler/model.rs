//! A block without mistakes. Expansion takes this model and cannot fail.

use proc_macro2::Span;
use syn::{Attribute, Generics, Ident, LitInt, LitStr, Path, Type};

pub(super) struct Model {
    pub(super) krate: Path,
    pub(super) own: Type,
    pub(super) generics: Generics,
    pub(super) handlers: Vec<Handler>,
}

pub(super) struct Handler {
    pub(super) name: Ident,
    /// `#[cfg(..)]` of the method.
    pub(super) conditions: Vec<Attribute>,
    pub(super) selection: Selection,
    pub(super) attempts: Option<LitInt>,
    /// In milliseconds.
    pub(super) timeout: Option<u64>,
    pub(super) has_inbox: bool,
    /// In the method's order, behind `self`.
    pub(super) arguments: Vec<Argument>,
    /// The place of the return type.
    pub(super) returned: Span,
}

/// The events of a handler.
pub(super) enum Selection {
    /// The type of the event says all.
    Typed,
    Named {
        topic: LitStr,
        /// Every type, if there is none.
        event_types: Vec<LitStr>,
        has_envelope: bool,
    },
}

pub(super) enum Argument {
    /// `Received<T>` or `Vec<Received<T>>`, or an alias of one.
    Event(Type),
    /// The type behind `&mut`.
    Handle(Type),
}

impl Handler {
    /// Validation has found one, and one only.
    pub(super) fn event(&self) -> Option<&Type> {
        self.arguments.iter().find_map(|argument| match argument {
            Argument::Event(ty) => Some(ty),
            Argument::Handle(_) => None,
        })
    }

    pub(super) fn handle(&self) -> Option<&Type> {
        self.arguments.iter().find_map(|argument| match argument {
            Argument::Handle(ty) => Some(ty),
            Argument::Event(_) => None,
        })
    }
}

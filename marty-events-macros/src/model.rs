//! What is left once everything is known to be right: expanding it cannot fail.

use proc_macro2::{Span, TokenStream};
use syn::{Expr, Ident, Path, Type};

use crate::{args::Kind, method::Method};

pub(crate) struct Model {
    pub(crate) krate: Path,
    /// What is left of the other event attributes of the function.
    pub(crate) absorbed: TokenStream,
    /// The function without the event attributes.
    pub(crate) method: Method,
    pub(crate) body: TokenStream,
    pub(crate) events: Vec<Event>,
    pub(crate) handle: Handle,
    /// Where `delivery = "outbox"` stands: a missing handle is an error there.
    pub(crate) outbox_demanded: Option<Span>,
    /// A direct event that fails makes the method fail.
    pub(crate) strict: bool,
    /// Where `on_publish_error = "log"` stands: a handle is an error there.
    pub(crate) logging_demanded: Option<Span>,
}

/// Where the transaction handle comes from.
pub(crate) enum Handle {
    /// From the argument whose type is one.
    ByType(Vec<Argument>),
    /// `transaction = name`, an argument whose type is written `&mut ..`.
    Argument(Ident),
    /// `transaction = self.tx`
    Place(Expr),
    /// All the events go directly.
    None,
}

/// An argument with a name: only such can be a handle.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// The type is written `&mut ..`, so it can be lent to the body and used again.
    pub(crate) is_mut_ref: bool,
    /// `mut name` where the type is written `&mut ..`: the `mut` goes where the body's name is bound.
    pub(crate) is_mutable: bool,
    /// `&mut T` without a bound, `impl Executor`, `impl Acquire`: it cannot be seen whether it is a handle.
    pub(crate) is_opaque: bool,
}

pub(crate) struct Event {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// The constructor's arguments, in order.
    pub(crate) new: Vec<Value>,
    pub(crate) id: Option<Id>,
    pub(crate) data: Vec<Field>,
    /// `data = expr`: the one field is the data.
    pub(crate) data_is_whole: bool,
    /// Further calls on the builder.
    pub(crate) calls: Vec<Call>,
    /// `delivery = "direct"`
    pub(crate) is_direct: bool,
}

/// An id, as an expression that borrows.
pub(crate) struct Id {
    pub(crate) expression: TokenStream,
    pub(crate) span: Span,
    /// `result.*`: taken after the body.
    pub(crate) is_of_result: bool,
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: Expr,
    pub(crate) span: Span,
    /// The `result` that the value names, so that it is taken after the body.
    pub(crate) result: Option<Ident>,
}

/// A value that is handed to a builder.
pub(crate) struct Value {
    pub(crate) expression: TokenStream,
    /// Taken before the body: it may name arguments.
    pub(crate) is_early: bool,
    pub(crate) span: Span,
}

pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) argument: Value,
}

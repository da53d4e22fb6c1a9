//! A method without mistakes. Expansion takes this model and cannot fail.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Expr, Ident, Path, Type, spanned::Spanned};

use super::{
    async_shape::Shape,
    signature::{Binding, Method},
};
use crate::syntax::{args::On, kind::Kind};

pub(crate) struct Model {
    pub(crate) krate: Path,
    /// Remains of the other event attributes of the function; see [`super::fallback::ABSORBED`].
    pub(crate) absorbed: TokenStream,
    /// The function without the event attributes.
    pub(crate) method: Method,
    /// The `#![..]` that the body begins with.
    pub(crate) inner: Vec<Attribute>,
    pub(crate) shape: Shape,
    pub(crate) events: Vec<Event>,
    pub(crate) handle: Handle,
    pub(crate) capture: Capture,
    /// The span of `delivery = "outbox"`. A missing handle is an error there.
    pub(crate) outbox_demanded: Option<Span>,
    /// The span of a domain event without `delivery`, in a crate with `require-delivery`. A missing handle is an error
    /// there.
    pub(crate) delivery_demanded: Option<Span>,
    /// A direct event that cannot be published makes the method fail.
    pub(crate) strict: bool,
    /// The span of `on_publish_error = "log"`. A handle is an error there.
    pub(crate) logging_demanded: Option<Span>,
}

impl Model {
    /// True if an event of the method records failures.
    pub(crate) fn watches_failure(&self) -> bool {
        self.events.iter().any(|event| event.on.failure())
    }
}

/// The body's captures of the arguments.
pub(crate) enum Capture {
    /// All of them by value.
    Move,
    /// These by value. The others are needed after the body, so the body captures them as it uses them.
    Only(Vec<Binding>),
}

/// The source of the transaction handle.
pub(crate) enum Handle {
    /// From the argument whose type is one.
    ByType {
        arguments: Vec<Argument>,
        /// The receiver's type and its span. It must not be a handle unless the attribute names it.
        receiver: Option<(TokenStream, Span)>,
        /// Arguments that a pattern takes apart or drops, and whose types resemble a handle.
        unnamed: Vec<(Type, Vec<Attribute>)>,
        /// Types that can be judged at run time only.
        hidden: Vec<Hidden>,
    },
    /// `transaction = name`, an argument whose type is written `&mut ..`.
    Argument {
        name: Ident,
        /// It was `mut name`.
        is_mutable: bool,
    },
    /// `transaction = self.tx`
    Place(Expr),
    /// No event needs one.
    None,
}

/// A type that may turn out to be a handle, or to hold one.
pub(crate) struct Hidden {
    pub(crate) by: HiddenBy,
    pub(crate) conditions: Vec<Attribute>,
}

pub(crate) enum HiddenBy {
    /// An alias, a generic, a type of any library.
    Type(Type),
    /// `R::Tx`, `Self::Tx`
    Associate(Type),
    /// A type with `impl ..`, which cannot be named. The argument's value is asked in its place.
    Impl { argument: Ident, ty: Type },
    /// `Self`
    Receiver(Span),
}

impl HiddenBy {
    /// The span at which a mistake of the type is shown.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Type(ty) | Self::Associate(ty) | Self::Impl { ty, .. } => ty.span(),
            Self::Receiver(span) => *span,
        }
    }
}

/// An argument with a name: only such can be a handle.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) conditions: Vec<Attribute>,
    /// The type is written `&mut ..`, so it can be lent to the body and used again.
    pub(crate) is_mut_ref: bool,
    /// `mut name` with the type `&mut ..`. The `mut` moves to the binding that the body gets.
    pub(crate) is_mutable: bool,
    /// `&mut T` without a bound, `impl Executor`, `impl Acquire`: the signature does not show a handle or its absence.
    pub(crate) is_opaque: bool,
    /// A name in the type is that of a transaction, or of a type that leads to one. The argument must turn out to be a
    /// handle.
    pub(crate) resembles_handle: bool,
    /// The returned value may borrow from it.
    pub(crate) is_returned: bool,
    /// An expression needs it after the body.
    pub(crate) is_used_after: bool,
}

pub(crate) struct Event {
    pub(crate) kind: Kind,
    pub(crate) on: On,
    /// `success = expr`: decides if a call that returned a value has succeeded.
    pub(crate) success: Option<Field>,
    pub(crate) span: Span,
    /// An event of a type of its own, in place of constructor, id and data.
    pub(crate) typed: Option<Field>,
    /// The constructor's arguments, in order.
    pub(crate) new: Vec<Value>,
    pub(crate) id: Option<Id>,
    pub(crate) data: Vec<Field>,
    /// `data = expr`: the one field is the data.
    pub(crate) data_is_whole: bool,
    /// `previous_state`, `new_state`
    pub(crate) states: Vec<Field>,
    /// Further calls on the builder.
    pub(crate) calls: Vec<Call>,
    pub(crate) error_message: ErrorMessage,
    pub(crate) error_code: Option<Field>,
    /// `delivery = "direct"`
    pub(crate) is_direct: bool,
    /// `on_publish_error = "fail"`
    pub(crate) is_strict: bool,
}

/// The description of the error in a failure event.
pub(crate) enum ErrorMessage {
    /// Its `Display`.
    Display,
    Omit,
    Given(Box<Field>),
}

/// An id, as an expression that borrows.
pub(crate) struct Id {
    /// The path as it is written.
    pub(crate) text: String,
    pub(crate) expression: TokenStream,
    pub(crate) span: Span,
    /// `result.*`: taken after the body.
    pub(crate) is_of_result: bool,
}

/// The moment at which a field's expression is evaluated.
#[derive(Clone)]
pub(crate) enum When {
    Before,
    /// After the body succeeded, with its value bound to this token, if the expression names it.
    Success(Option<Ident>),
    /// After the body failed, with its error bound to this token.
    Failure(Ident),
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: Expr,
    pub(crate) span: Span,
    pub(crate) when: When,
}

/// A value that is handed to a builder.
pub(crate) struct Value {
    pub(crate) expression: TokenStream,
    pub(crate) span: Span,
    pub(crate) when: Moment,
}

/// The moment at which a builder's value is evaluated.
pub(crate) enum Moment {
    /// At its use, because it is a constant.
    InPlace,
    /// Before the body, since it may name arguments.
    Before,
    /// After the body succeeded, with its value bound to this token.
    Success(Ident),
}

pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) argument: Value,
}

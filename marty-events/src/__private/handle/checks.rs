//! Checks on the chosen handle: it is certain, and it is there where an attribute or the manifest demands one.

use super::kept::{Absent, Doubted, Held, Named, Opaque, Rejected};

/// Refuses an argument that may be a handle and is not known to be one.
pub fn seen<S: Seen>(chosen: S) -> S {
    chosen
}

#[diagnostic::on_unimplemented(
    message = "it cannot be seen whether this argument is a transaction",
    label = "an event beside it could be sent before its commit",
    note = "take `&mut` of a type with `marty_events::OutboxTransaction`, name the place with `transaction = ..`, or state `delivery = \"direct\"`"
)]
pub trait Seen {}

#[diagnostic::do_not_recommend]
impl Seen for Absent {}
#[diagnostic::do_not_recommend]
impl<H: ?Sized> Seen for Held<'_, H> {}
#[diagnostic::do_not_recommend]
impl Seen for Rejected {}

impl Absent {
    /// Refuses the one argument that can be chosen: it resembles a handle and is not one. The rest of the method compiles, so the mistake is one error.
    pub fn certain<S>(self, _: S) -> Opaque
    where
        Self: Certain<S>,
    {
        Opaque
    }
}

impl<H: ?Sized> Held<'_, H> {
    #[must_use]
    pub fn certain(self, (): ()) -> Self {
        self
    }
}

impl Rejected {
    #[must_use]
    pub fn certain(self, (): ()) -> Self {
        self
    }
}

/// Implemented by nothing: its bound is an error message.
#[diagnostic::on_unimplemented(
    message = "it cannot be seen whether this argument is a transaction",
    label = "an event beside it could be sent before its commit",
    note = "take `&mut` of a type with `marty_events::OutboxTransaction`, name the place with `transaction = ..`, or state `delivery = \"direct\"`"
)]
pub trait Certain<S> {}

/// An argument whose type resembles a handle. If it is not one, it counts as [`Opaque`].
macro_rules! recognised {
    ($([$($generics:tt)*] $kept:ty => $recognised:ty: |$self:ident| $value:expr;)*) => {
        $(impl<$($generics)*> $kept {
            #[must_use]
            pub fn recognised(self) -> $recognised {
                let $self = self;
                $value
            }
        })*
    };
}

recognised! {
    [] Absent => Opaque: |_absent| Opaque;
    [H: ?Sized] Held<'_, H> => Self: |held| held;
    [] Rejected => Self: |rejected| rejected;
}

/// Takes the type at run time into account. It is asked only if no argument is a handle.
macro_rules! doubt {
    ($([$($generics:tt)*] $chosen:ty => $doubted:ty: |$self:ident, $hidden:ident| $value:expr;)*) => {
        $(impl<$($generics)*> $chosen {
            #[must_use]
            pub fn doubt(self, $hidden: fn() -> Option<&'static str>) -> $doubted {
                let $self = self;
                $value
            }
        })*
    };
}

doubt! {
    [] Absent => Doubted: |_absent, hidden| Doubted { hidden: hidden() };
    [] Doubted => Self: |doubted, hidden| Self { hidden: doubted.hidden.or_else(hidden) };
    [H: ?Sized] Held<'_, H> => Self: |held, _hidden| held;
    [] Opaque => Self: |opaque, _hidden| opaque;
    [] Rejected => Self: |rejected, _hidden| rejected;
}

/// `delivery = "outbox"`
pub fn demanded<S: Transactional>(chosen: S) -> S {
    chosen
}

#[diagnostic::on_unimplemented(
    message = "`delivery = \"outbox\"` needs a transaction, and no argument of this method is one",
    label = "the event has no transaction to be written in",
    note = "add an argument such as `tx: &mut sqlx::Transaction<'_, sqlx::Postgres>`, or name a place: `transaction = self.tx`"
)]
pub trait Transactional {}

#[diagnostic::do_not_recommend]
impl<H: ?Sized> Transactional for Held<'_, H> {}
#[diagnostic::do_not_recommend]
impl<H: ?Sized> Transactional for Named<'_, H> {}
#[diagnostic::do_not_recommend]
impl Transactional for Opaque {}
#[diagnostic::do_not_recommend]
impl Transactional for Rejected {}

/// `require-delivery = true` in the crate's manifest.
pub fn stated<S: Stated>(chosen: S) -> S {
    chosen
}

#[diagnostic::on_unimplemented(
    message = "this crate's manifest has `require-delivery = true`, and no argument of this method is a transaction",
    label = "the event would be sent apart from the method's work",
    note = "add an argument such as `tx: &mut sqlx::Transaction<'_, sqlx::Postgres>`; or state `delivery = \"direct\"`"
)]
pub trait Stated {}

#[diagnostic::do_not_recommend]
impl<H: ?Sized> Stated for Held<'_, H> {}
#[diagnostic::do_not_recommend]
impl<H: ?Sized> Stated for Named<'_, H> {}
#[diagnostic::do_not_recommend]
impl Stated for Opaque {}
#[diagnostic::do_not_recommend]
impl Stated for Rejected {}

/// `on_publish_error = "log"`
pub fn may_log<S: MayLog>(chosen: S) -> S {
    chosen
}

#[diagnostic::on_unimplemented(
    message = "`on_publish_error = \"log\"` cannot stand beside a transaction",
    label = "a failed insert that is passed over turns the caller's commit into a rollback that nobody hears of",
    note = "remove it: a method with a transaction returns the failure, and the caller rolls back"
)]
pub trait MayLog {}

#[diagnostic::do_not_recommend]
impl MayLog for Absent {}
#[diagnostic::do_not_recommend]
impl MayLog for Doubted {}
#[diagnostic::do_not_recommend]
impl MayLog for Opaque {}
#[diagnostic::do_not_recommend]
impl MayLog for Rejected {}

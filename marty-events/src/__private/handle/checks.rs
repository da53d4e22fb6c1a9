//! Checks on the chosen handle: it is certain, and it is there where an attribute or the manifest demands one.

use super::kept::{Absent, Doubted, Held, Named, Opaque, Rejected};

/// Refuses an argument that may be a handle and is not known to be one.
pub fn seen<S: Seen>(_: &S) {}

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

/// An argument whose type resembles a handle. If it is not one, it counts as [`Opaque`].
pub fn recognised<R: Recognised>(kept: R) -> R::Out {
    kept.recognised()
}

pub trait Recognised {
    type Out;
    fn recognised(self) -> Self::Out;
}

impl Recognised for Absent {
    type Out = Opaque;
    fn recognised(self) -> Opaque {
        Opaque
    }
}

impl<H: ?Sized> Recognised for Held<'_, H> {
    type Out = Self;
    fn recognised(self) -> Self {
        self
    }
}

impl Recognised for Rejected {
    type Out = Self;
    fn recognised(self) -> Self {
        self
    }
}

/// Takes the type at run time into account. It is asked only if no argument is a handle.
pub fn doubt<S: Doubt>(chosen: S, hidden: impl FnOnce() -> Option<&'static str>) -> S::Out {
    chosen.doubt(hidden)
}

pub trait Doubt {
    type Out;
    fn doubt(self, hidden: impl FnOnce() -> Option<&'static str>) -> Self::Out;
}

impl Doubt for Absent {
    type Out = Doubted;
    fn doubt(self, hidden: impl FnOnce() -> Option<&'static str>) -> Doubted {
        Doubted { hidden: hidden() }
    }
}

impl Doubt for Doubted {
    type Out = Self;
    fn doubt(self, hidden: impl FnOnce() -> Option<&'static str>) -> Self {
        Self { hidden: self.hidden.or_else(hidden) }
    }
}

impl<H: ?Sized> Doubt for Held<'_, H> {
    type Out = Self;
    fn doubt(self, _: impl FnOnce() -> Option<&'static str>) -> Self {
        self
    }
}

impl Doubt for Opaque {
    type Out = Self;
    fn doubt(self, _: impl FnOnce() -> Option<&'static str>) -> Self {
        self
    }
}

impl Doubt for Rejected {
    type Out = Self;
    fn doubt(self, _: impl FnOnce() -> Option<&'static str>) -> Self {
        self
    }
}

/// `delivery = "outbox"`
pub fn demanded<S: Transactional>(_: &S) {}

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
pub fn stated<S: Stated>(_: &S) {}

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
pub fn may_log<S: MayLog>(_: &S) {}

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

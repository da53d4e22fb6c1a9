//! Chooses the one handle among what was kept of the arguments.

#[cfg(feature = "_database")]
use super::recorded::InTransaction;
use super::{
    Batch,
    recorded::{Directly, Recorded, Recording},
};
use crate::EventError;
#[cfg(feature = "_database")]
use crate::{OutboxConnection, OutboxTransaction};

/// The argument is no handle.
#[derive(Debug)]
pub struct Absent;

/// The argument is a handle.
pub struct Held<'a, H: ?Sized>(pub(super) &'a mut H);

/// No handle, unless a type turned out to be one.
#[derive(Debug)]
pub struct Doubted {
    hidden: Option<&'static str>,
}

/// It cannot be seen whether the argument is a handle.
#[derive(Debug)]
pub struct Opaque;

/// The argument was refused already: whatever follows from that is no second error.
#[derive(Debug)]
pub struct Rejected;

impl<H: ?Sized> std::fmt::Debug for Held<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

/// The handle that the attribute names. What it has to be is asked here and nowhere else: a mistake is one error.
#[cfg(feature = "_database")]
pub fn named<H: OutboxTransaction + ?Sized>(handle: &mut H) -> Named<'_, H> {
    Named { handle, connect: H::connection }
}

/// The handle that the attribute names, in a build that has no outbox.
#[cfg(not(feature = "_database"))]
pub fn named<H: InOutbox + ?Sized>(handle: &mut H) -> Named<'_, H> {
    Named { handle }
}

/// Implemented by nothing: its bound is an error message.
#[cfg(not(feature = "_database"))]
#[diagnostic::on_unimplemented(
    message = "this build of marty-events has no outbox that the event of this transaction could be written in",
    label = "the event would be sent before the commit",
    note = "enable the Cargo feature of marty-events for the database: `postgres`, `mysql` or `sqlite`; or state `delivery = \"direct\"`"
)]
pub trait InOutbox {}

/// The handle that the attribute names.
pub struct Named<'a, H: ?Sized> {
    handle: &'a mut H,
    #[cfg(feature = "_database")]
    connect: fn(&mut H) -> OutboxConnection<'_>,
}

impl<H: ?Sized> std::fmt::Debug for Named<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Named")
    }
}

#[cfg(feature = "_database")]
#[diagnostic::do_not_recommend]
impl<H: Send + ?Sized> OutboxTransaction for Named<'_, H> {
    fn connection(&mut self) -> OutboxConnection<'_> {
        (self.connect)(self.handle)
    }
}

impl Absent {
    pub fn lend<T>(&mut self, lent: T) -> T {
        lent
    }
}

impl Rejected {
    pub fn lend<T>(&mut self, lent: T) -> T {
        lent
    }
}

impl<H: ?Sized> Held<'_, H> {
    pub fn lend(&mut self, (): ()) -> &mut H {
        self.0
    }
}

impl<H: ?Sized> Named<'_, H> {
    pub fn lend(&mut self, (): ()) -> &mut H {
        self.handle
    }
}

/// At most one of two is a handle. Apart from [`or`], whose answer must be a type in any case: a mistake is one error.
pub fn beside<L: Beside<R>, R>(_: &L, _: &R) {}

#[diagnostic::on_unimplemented(
    message = "two arguments of this method are transactions",
    label = "in which of them is the event to be written?",
    note = "name it: `transaction = tx`"
)]
pub trait Beside<R> {}

#[diagnostic::do_not_recommend]
impl<R> Beside<R> for Absent {}
#[diagnostic::do_not_recommend]
impl<R> Beside<R> for Opaque {}
#[diagnostic::do_not_recommend]
impl<R> Beside<R> for Rejected {}
#[diagnostic::do_not_recommend]
impl<H: ?Sized> Beside<Absent> for Held<'_, H> {}
#[diagnostic::do_not_recommend]
impl<H: ?Sized> Beside<Opaque> for Held<'_, H> {}
#[diagnostic::do_not_recommend]
impl<H: ?Sized> Beside<Rejected> for Held<'_, H> {}

/// Of two, the one that is a handle.
pub fn or<L: Or<R>, R>(left: L, right: R) -> L::Chosen {
    left.or(right)
}

pub trait Or<R> {
    type Chosen;
    fn or(self, right: R) -> Self::Chosen;
}

macro_rules! choose {
    ($([$($generics:tt)*] $left:ty, $right:ty => $chosen:ty: |$l:pat_param, $r:pat_param| $pick:expr;)*) => {
        $(#[diagnostic::do_not_recommend]
        impl<$($generics)*> Or<$right> for $left {
            type Chosen = $chosen;
            fn or(self, right: $right) -> $chosen {
                let ($l, $r) = (self, right);
                $pick
            }
        })*
    };
}

choose! {
    [] Absent, Absent => Absent: |_, _| Absent;
    ['a, H: ?Sized] Absent, Held<'a, H> => Held<'a, H>: |_, held| held;
    [] Absent, Opaque => Opaque: |_, _| Opaque;
    [] Absent, Rejected => Rejected: |_, _| Rejected;
    [] Opaque, Absent => Opaque: |_, _| Opaque;
    [] Opaque, Opaque => Opaque: |_, _| Opaque;
    ['a, H: ?Sized] Opaque, Held<'a, H> => Held<'a, H>: |_, held| held;
    [] Opaque, Rejected => Rejected: |_, _| Rejected;
    ['a, H: ?Sized] Held<'a, H>, Absent => Held<'a, H>: |held, _| held;
    ['a, H: ?Sized] Held<'a, H>, Opaque => Held<'a, H>: |held, _| held;
    ['a, H: ?Sized] Held<'a, H>, Rejected => Rejected: |_, _| Rejected;
    ['a, 'b, H: ?Sized, I: ?Sized] Held<'a, H>, Held<'b, I> => Rejected: |_, _| Rejected;
    [R] Rejected, R => Rejected: |_, _| Rejected;
}

/// Nothing that could be a handle stays unseen.
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

/// An argument whose type resembles a handle: if it is none, it cannot be seen what it is.
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

/// Takes into account what a type turned out to be. Asked only where no argument is a handle.
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

impl<'a, H: ?Sized> Held<'a, H> {
    #[cfg(feature = "_database")]
    pub fn record(self, batch: Batch) -> Recording<'a, InTransaction>
    where
        H: OutboxTransaction,
    {
        let mut handle = self.0;
        Recording::new(async move { Recorded::new(batch.record_in(&mut handle).await) })
    }
}

impl<'a, H: ?Sized> Named<'a, H> {
    #[cfg(feature = "_database")]
    pub fn record(mut self, batch: Batch) -> Recording<'a, InTransaction>
    where
        H: Send,
    {
        Recording::new(async move { Recorded::new(batch.record_in(&mut self).await) })
    }
}

#[cfg(not(feature = "_database"))]
impl<H: ?Sized> Held<'_, H> {
    /// Refused before: there is no such handle without a database.
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn record(self, batch: Batch) -> Rejected {
        drop(batch);
        Rejected
    }
}

#[cfg(not(feature = "_database"))]
impl<H: ?Sized> Named<'_, H> {
    /// Refused by [`named`].
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn record(self, batch: Batch) -> Rejected {
        drop(batch);
        Rejected
    }
}

impl Absent {
    pub fn record(self, batch: Batch) -> Recording<'static, Directly> {
        Recording::new(async move { Recorded::new(batch.record_direct().await) })
    }
}

impl Doubted {
    pub fn record(self, batch: Batch) -> Recording<'static, Directly> {
        let Some(handle) = self.hidden else { return Absent.record(batch) };
        let refused = batch.refused(format!(
            "an argument is a transaction here, or holds one (`{handle}`), which its event would be sent ahead of; take \
             `&mut` of the transaction, add the bound `marty_events::OutboxTransaction` to a generic type, or state \
             `delivery = \"direct\"`"
        ));
        Recording::new(std::future::ready(Recorded::refused(refused)))
    }
}

impl Opaque {
    /// Refused by [`seen`].
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn record(self, batch: Batch) -> Rejected {
        drop(batch);
        Rejected
    }
}

impl Rejected {
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn record(self, batch: Batch) -> Self {
        drop(batch);
        self
    }

    pub fn refusal(&mut self) -> Option<EventError> {
        None
    }

    pub fn settle<O>(self, out: O) -> O {
        out
    }

    pub fn settle_strictly<O>(self, out: O) -> O {
        out
    }
}

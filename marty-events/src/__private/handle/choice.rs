//! The choice of the one handle among the kept arguments.

use super::kept::{Absent, Held, Opaque, Rejected};

/// Refuses two handles. It is apart from [`or`], whose answer must have a type in any case, so that a mistake is one
/// error.
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

/// The handle, if one of the two is one.
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

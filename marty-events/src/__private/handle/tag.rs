//! Tags: types without size, one for each kind of argument. [`super::ladder`] finds the tag, and its methods accept or
//! refuse the argument.

use std::marker::PhantomData;

/// `&mut` of a handle.
#[derive(Debug)]
pub struct ByReference<H: ?Sized>(pub(super) PhantomData<fn(&H)>);
/// A handle that the body consumes.
#[derive(Debug)]
pub struct ByValue<H>(pub(super) PhantomData<fn() -> H>);
/// A pool's connection, which is not in a transaction.
#[derive(Debug)]
pub struct Pooled<C>(pub(super) PhantomData<fn() -> C>);
/// A transaction or connection of a database that has no outbox in this build.
#[derive(Debug)]
pub struct Foreign<T>(pub(super) PhantomData<fn() -> T>);
/// Any other type.
#[derive(Debug)]
pub struct Other;

//! The delivery of each choice: a handle writes to the outbox, and without one the events are sent directly.

use super::kept::{Absent, Doubted, Held, Named, Opaque, Rejected};
#[cfg(feature = "_database")]
use crate::__private::batch::Prepared;
use crate::{
    __private::{
        batch::Batch,
        hand_over::{CanFail, HandingOver, Running},
        outcome::Waiting,
    },
    publisher::log,
};
#[cfg(feature = "_database")]
use crate::{OutboxConnection, OutboxTransaction};

#[cfg(feature = "_database")]
impl<'a, H: ?Sized> Held<'a, H> {
    pub fn hand_over<V, O: CanFail>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'a, V, O>
    where
        H: OutboxTransaction,
    {
        let prepared = batch.prepared();
        let connection = if prepared.needs_connection() { Some(self.0.connection()) } else { None };
        HandingOver::new(written(prepared, connection), waiting)
    }

    pub fn hand_over_strictly<V, O: CanFail>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'a, V, O>
    where
        H: OutboxTransaction,
    {
        self.hand_over(waiting, batch)
    }
}

#[cfg(feature = "_database")]
impl<'a, H: ?Sized> Named<'a, H> {
    pub fn hand_over<V, O: CanFail>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'a, V, O> {
        let prepared = batch.prepared();
        let connection = if prepared.needs_connection() { Some((self.connect)(self.handle)) } else { None };
        HandingOver::new(written(prepared, connection), waiting)
    }

    pub fn hand_over_strictly<V, O: CanFail>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'a, V, O> {
        self.hand_over(waiting, batch)
    }
}

impl Absent {
    pub fn hand_over<V, O>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'static, V, O> {
        HandingOver::new(sent(batch, false), waiting)
    }

    pub fn hand_over_strictly<V, O: CanFail>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'static, V, O> {
        HandingOver::new(sent(batch, true), waiting)
    }
}

impl Doubted {
    pub fn hand_over<V, O>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'static, V, O> {
        HandingOver::new(self.sent(batch, false), waiting)
    }

    pub fn hand_over_strictly<V, O: CanFail>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'static, V, O> {
        HandingOver::new(self.sent(batch, true), waiting)
    }

    fn sent(self, batch: Batch, is_strict: bool) -> Running<'static> {
        let Some(handle) = self.hidden else { return sent(batch, is_strict) };
        let refused = batch.refused(format!(
            "an argument is a transaction here, or holds one (`{handle}`), which its event would be sent ahead of; take \
             `&mut` of the transaction, add the bound `marty_events::OutboxTransaction` to a generic type, or state \
             `delivery = \"direct\"`"
        ));
        Box::pin(std::future::ready(Some(refused)))
    }
}

#[cfg(feature = "_database")]
fn written(prepared: Prepared, connection: Option<OutboxConnection<'_>>) -> Running<'_> {
    Box::pin(async move { prepared.write_on(connection).await.err() })
}

/// A failure is logged, unless an attribute says `on_publish_error = "fail"`.
fn sent(batch: Batch, is_strict: bool) -> Running<'static> {
    Box::pin(async move {
        let error = batch.send().await.err()?;
        if is_strict {
            return Some(error);
        }
        log(&error);
        None
    })
}

/// A refused argument compiles on, so that a mistake is one error. It never runs.
macro_rules! refused {
    ($([$($generics:tt)*] $refused:ty;)*) => {
        $(impl<$($generics)*> $refused {
            pub fn hand_over<V, O>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'static, V, O> {
                Absent.hand_over(waiting, batch)
            }

            pub fn hand_over_strictly<V, O>(self, waiting: Waiting<V, O>, batch: Batch) -> HandingOver<'static, V, O> {
                Absent.hand_over(waiting, batch)
            }
        })*
    };
}

refused! {
    [] Opaque;
    [] Rejected;
}
// Without a database no type is a handle.
#[cfg(not(feature = "_database"))]
refused! {
    [H: ?Sized] Held<'_, H>;
    [H: ?Sized] Named<'_, H>;
}

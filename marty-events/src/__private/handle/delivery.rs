//! The delivery of each choice: a handle writes to the outbox, and without one the events are sent directly.

use super::kept::{Absent, Doubted, Held, Named, Opaque, Rejected};
#[cfg(feature = "_database")]
use crate::{__private::hand_over::Outbox, OutboxTransaction};
use crate::{
    __private::{
        batch::Batch,
        hand_over::{Direct, HandOver, HandingOver},
    },
    EventError,
};

#[cfg(feature = "_database")]
impl<'a, H: ?Sized> Held<'a, H> {
    pub fn hand_over(self, batch: Batch) -> HandingOver<'a, Outbox>
    where
        H: OutboxTransaction,
    {
        let mut handle = self.0;
        HandingOver::new(async move { HandOver::new(batch.write_in(&mut handle).await) })
    }
}

#[cfg(feature = "_database")]
impl<'a, H: ?Sized> Named<'a, H> {
    pub fn hand_over(mut self, batch: Batch) -> HandingOver<'a, Outbox>
    where
        H: Send,
    {
        HandingOver::new(async move { HandOver::new(batch.write_in(&mut self).await) })
    }
}

#[cfg(not(feature = "_database"))]
impl<H: ?Sized> Held<'_, H> {
    /// Without a database no type is a handle.
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn hand_over(self, batch: Batch) -> Rejected {
        drop(batch);
        Rejected
    }
}

#[cfg(not(feature = "_database"))]
impl<H: ?Sized> Named<'_, H> {
    /// [`super::named`] has refused the handle already.
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn hand_over(self, batch: Batch) -> Rejected {
        drop(batch);
        Rejected
    }
}

impl Absent {
    pub fn hand_over(self, batch: Batch) -> HandingOver<'static, Direct> {
        HandingOver::new(async move { HandOver::new(batch.send().await) })
    }
}

impl Doubted {
    pub fn hand_over(self, batch: Batch) -> HandingOver<'static, Direct> {
        let Some(handle) = self.hidden else { return Absent.hand_over(batch) };
        let refused = batch.refused(format!(
            "an argument is a transaction here, or holds one (`{handle}`), which its event would be sent ahead of; take \
             `&mut` of the transaction, add the bound `marty_events::OutboxTransaction` to a generic type, or state \
             `delivery = \"direct\"`"
        ));
        HandingOver::new(std::future::ready(HandOver::refused(refused)))
    }
}

impl Opaque {
    /// [`super::seen`] has refused the argument already.
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn hand_over(self, batch: Batch) -> Rejected {
        drop(batch);
        Rejected
    }
}

impl Rejected {
    #[expect(clippy::unused_async, reason = "it is called like the others")]
    pub async fn hand_over(self, batch: Batch) -> Self {
        drop(batch);
        self
    }

    pub fn refusal(&mut self) -> Option<EventError> {
        None
    }

    pub fn into_result<O>(self, out: O) -> O {
        out
    }

    pub fn into_strict_result<O>(self, out: O) -> O {
        out
    }
}

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};

use crate::EventContext;

/// A response's body that streams, and ends, in the context of its request.
pub struct EventContextBody<B> {
    /// Nothing once it is dropped.
    body: Option<Pin<Box<B>>>,
    context: EventContext,
}

impl<B> EventContextBody<B> {
    pub(super) fn new(body: B, context: EventContext) -> Self {
        Self { body: Some(Box::pin(body)), context }
    }
}

impl<B: Body> Body for EventContextBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { body, context: events } = &mut *self;
        match body {
            Some(body) => events.clone().sync_scope(|| body.as_mut().poll_frame(context)),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A stream that nobody reads to its end may record a failure when it is dropped.
impl<B> Drop for EventContextBody<B> {
    fn drop(&mut self) {
        let body = self.body.take();
        self.context.clone().sync_scope(|| drop(body));
    }
}

impl<B: Default> Default for EventContextBody<B> {
    fn default() -> Self {
        Self::new(B::default(), EventContext::new())
    }
}

impl<B> fmt::Debug for EventContextBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventContextBody").finish_non_exhaustive()
    }
}

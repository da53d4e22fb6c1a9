//! Functions that return a future, by hand or by `#[async_trait]`.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt};
use marty_events::{
    domain_event,
    testing::{EventRecorder, Route},
};

use tower_service::Service as _;

use crate::support::{Failure, Tx, is_send, transaction};

struct Service<'c> {
    tenant: String,
    tx: Option<Tx<'c>>,
}

#[async_trait]
trait Store: Send {
    async fn save(&self, id: u8, tx: &mut Tx<'_>) -> Result<u8, Failure>;
    async fn patterns(&self, pair: (u8, String), tx: &mut Tx<'_>) -> Result<String, Failure>;
    async fn of_its_own(&mut self, id: u8) -> Result<(), Failure>;
    async fn no_return(&self);
    async fn by_value(self: Box<Self>) -> u8;

    #[domain_event(aggregate_type = "a", event_type = "default", aggregate_id_field = "id")]
    async fn default(&self, id: String) -> Result<String, Failure>
    where
        Self: Sync,
    {
        Ok(id)
    }
}

#[async_trait]
impl Store for Service<'static> {
    #[domain_event(aggregate_type = "a", event_type = "saved", aggregate_id_field = "id", data(tenant = self.tenant, result))]
    async fn save(&self, id: u8, tx: &mut Tx<'_>) -> Result<u8, Failure> {
        let moved = tx;
        let _ = moved;
        if id == 0 {
            return Err(Failure::Refused);
        }
        Ok(id)
    }

    #[domain_event(aggregate_type = "a", event_type = "patterns", aggregate_id_field = "text")]
    async fn patterns(&self, (mut n, text): (u8, String), mut tx: &mut Tx<'_>) -> Result<String, Failure> {
        n += 1;
        let _ = (n, &mut tx);
        Ok(text)
    }

    #[domain_event(
        aggregate_type = "a",
        event_type = "of_its_own",
        aggregate_id_field = "self.tenant",
        transaction = self.tx.as_mut().expect("a transaction")
    )]
    async fn of_its_own(&mut self, id: u8) -> Result<(), Failure> {
        self.tenant = id.to_string();
        Ok(())
    }

    #[domain_event(aggregate_type = "a", event_type = "no_return", aggregate_id_field = "self.tenant")]
    async fn no_return(&self) {
        let _ = &self.tenant;
    }

    #[domain_event(aggregate_type = "a", event_type = "by_value", aggregate_id_field = "self.tenant")]
    async fn by_value(self: Box<Self>) -> u8 {
        drop(self);
        3
    }
}

#[tokio::test]
async fn methods_of_async_trait_publish() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    let mut service = Box::new(Service { tenant: "t-1".to_owned(), tx: Some(transaction().await) });
    recorder
        .scope(async {
            assert_eq!(is_send(service.save(1, &mut tx)).await.unwrap(), 1);
            service.save(0, &mut tx).await.unwrap_err();
            assert_eq!(service.patterns((1, "x".to_owned()), &mut tx).await.unwrap(), "x");
            is_send(service.of_its_own(2)).await.unwrap();
            assert_eq!(service.default("d".to_owned()).await.unwrap(), "d");
            service.no_return().await;
            assert_eq!(service.by_value().await, 3);
        })
        .await;
    recorder.assert_published("saved").key("1").payload("/event_data/tenant", "t-1").route(Route::Outbox).times(1);
    recorder.assert_published("patterns").key("x").route(Route::Outbox).times(1);
    recorder.assert_published("of_its_own").key("t-1").route(Route::Outbox).times(1);
    recorder.assert_published("default").key("d").route(Route::Direct).times(1);
    recorder.assert_published("no_return").key("2").times(1);
    recorder.assert_published("by_value").key("2").times(1);
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", data(result))]
fn impl_future<'a>(id: u8, tx: &'a mut Tx<'static>) -> impl Future<Output = Result<u8, Failure>> + Send + 'a {
    let more = id + 1;
    async move {
        let _ = tx;
        if more == 0 {
            Err(Failure::Refused)?;
        }
        Ok(more)
    }
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
fn pinned<'a>(id: u8, tx: &'a mut Tx<'_>) -> Pin<Box<dyn Future<Output = Result<u8, Failure>> + Send + 'a>> {
    Box::pin(async move {
        let _ = tx;
        Err(Failure::Refused).or(Ok(id))
    })
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
fn boxed<'a>(id: u8, name: &'a str) -> BoxFuture<'a, Result<&'a str, Failure>> {
    async move { Ok(name) }.boxed()
}

#[tokio::test]
async fn functions_that_return_a_future_publish() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            drop(impl_future(0, &mut tx));
            assert_eq!(is_send(impl_future(1, &mut tx)).await.unwrap(), 2);
            assert_eq!(is_send(pinned(2, &mut tx)).await.unwrap(), 2);
            assert_eq!(is_send(boxed(3, "n")).await.unwrap(), "n");
        })
        .await;
    let keys: Vec<_> = recorder.events().into_iter().map(|event| (event.key.unwrap(), event.route)).collect();
    let expected = [("1", Route::Outbox), ("2", Route::Outbox), ("3", Route::Direct)];
    assert_eq!(keys, expected.map(|(key, route)| (key.to_owned(), route)));
}

struct Request {
    user: String,
    body: String,
}

#[derive(Clone)]
struct Handler {
    tenant: String,
}

impl tower_service::Service<Request> for Handler {
    type Response = String;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<String, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    #[domain_event(
        aggregate_type = "a",
        event_type = "called",
        aggregate_id_field = "request.user",
        data(tenant = self.tenant, length = result.len(), body = request.body),
        on = "both"
    )]
    fn call(&mut self, request: Request) -> Self::Future {
        let handler = self.clone();
        let Request { user, body } = request;
        Box::pin(async move {
            if body.is_empty() {
                Err(Failure::Refused)?;
            }
            Ok(user + &handler.tenant)
        })
    }
}

type AnswerFuture<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

#[domain_event(aggregate_type = "a", event_type = "alias", aggregate_id_field = "name", data(result))]
fn by_an_alias(name: &str) -> AnswerFuture<usize> {
    let length = name.len();
    Box::pin(async move {
        if length == 0 {
            Err(Failure::Refused)?;
        }
        Ok(length)
    })
}

#[domain_event(aggregate_type = "a", event_type = "borrowing_block", aggregate_id_field = "name", on = "both")]
fn not_moving(name: &str) -> impl Future<Output = u8> + Send + 'static {
    let _ = name;
    async { 1 }
}

#[tokio::test]
async fn a_future_that_borrows_nothing_stays_one() {
    let recorder = EventRecorder::new();
    let request = |body: &str| Request { user: "u".to_owned(), body: body.to_owned() };
    let futures = {
        let mut handler = Handler { tenant: "t".to_owned() };
        let name = "name".to_owned();
        let polled = (handler.call(request("b")), handler.call(request("")), by_an_alias(&name), not_moving(&name));
        drop(handler.call(request("never polled")));
        polled
    };
    recorder
        .scope(async {
            assert_eq!(is_send(futures.0).await.unwrap(), "ut");
            futures.1.await.unwrap_err();
            assert_eq!(futures.2.await.unwrap(), 4);
            assert_eq!(futures.3.await, 1);
        })
        .await;
    let data = recorder.assert_published("called").key("u").times(1);
    data.payload("/event_data", serde_json::json!({"tenant": "t", "length": 2, "body": "b"}));
    recorder.assert_published("called_failed").key("u").payload("/event_data/tenant", "t").times(1);
    recorder.assert_published("alias").key("name").payload("/event_data/result", 4);
    recorder.assert_published("borrowing_block").key("name");
    assert_eq!(recorder.events().len(), 4);
}

macro_rules! with_a_block {
    ($name:ident, $out:ty, $body:block) => {
        #[domain_event(aggregate_type = "a", event_type = "block", aggregate_id_field = "id")]
        fn $name(id: u8) -> $out $body
    };
    (async $name:ident($id:ident), $out:ty, $body:block) => {
        #[domain_event(aggregate_type = "a", event_type = "block", aggregate_id_field = "id", on = "both", data(id = $id))]
        async fn $name($id: u8) -> $out $body
    };
}

with_a_block!(boxed_block, BoxFuture<'static, Result<u8, Failure>>, { Box::pin(async move { Ok(2) }) });
with_a_block!(async async_block(id), Result<u8, Failure>, {
    if id == 0 {
        return Err(Failure::Refused);
    }
    Ok(3)
});

#[tokio::test]
async fn a_body_that_a_macro_passed_on_is_one() {
    let recorder = EventRecorder::new();
    recorder
        .scope(async {
            assert_eq!(boxed_block(1).await.unwrap(), 2);
            assert_eq!(async_block(2).await.unwrap(), 3);
        })
        .await;
    recorder.assert_published("block").key("1").times(1);
    recorder.assert_published("block").key("2").times(1);
}

#[async_trait]
trait Conditional {
    async fn conditional(&self, #[cfg(any())] gone: (u8, u8), #[cfg(test)] there: (u8, u8), more: u8) -> u8;
}

#[async_trait]
impl Conditional for Handler {
    #[domain_event(aggregate_type = "a", event_type = "c", aggregate_id_field = "left", data(sum = result + more))]
    async fn conditional(
        &self,
        #[cfg(any())] (gone, lost): (u8, u8),
        #[cfg(test)] (left, right): (u8, u8),
        more: u8,
    ) -> u8 {
        left + right + more
    }
}

#[tokio::test]
async fn a_conditional_pattern_is_there_where_its_argument_is() {
    let recorder = EventRecorder::new();
    let handler = Handler { tenant: String::new() };
    assert_eq!(recorder.scope(handler.conditional((1, 2), 4)).await, 7);
    recorder.assert_published("c").key("1").payload("/event_data/sum", 11);
}

#[domain_event(aggregate_type = "a", event_type = "synced", aggregate_id_field = "id", data(result), on = "both")]
fn synced<'a>(
    id: u8,
    tx: &'a mut Tx<'static>,
) -> Pin<Box<dyn Future<Output = Result<u8, Failure>> + Send + Sync + 'a>> {
    Box::pin(async move {
        let _ = tx;
        Ok(id)
    })
}

#[domain_event(aggregate_type = "a", event_type = "synced", aggregate_id_field = "id")]
fn synced_directly(id: u8) -> impl Future<Output = std::cell::Cell<u8>> + Send + Sync {
    async move { std::cell::Cell::new(id) }
}

#[tokio::test]
async fn a_future_that_is_sync_stays_one() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            assert_eq!(synced(1, &mut tx).await.unwrap(), 1);
            assert_eq!(synced_directly(2).await.get(), 2);
        })
        .await;
    recorder.assert_published("synced").key("1").route(Route::Outbox).times(1);
    recorder.assert_published("synced").key("2").route(Route::Direct).times(1);
}

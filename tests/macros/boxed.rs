//! Functions that return a future, by hand or by `#[async_trait]`.

use std::{future::Future, pin::Pin};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt};
use marty_events::{
    domain_event,
    testing::{EventRecorder, Route},
};

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

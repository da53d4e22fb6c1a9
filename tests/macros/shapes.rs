//! Functions of every shape that an `async fn` has, and that their futures stay `Send`.

use std::{cell::Cell, sync::Arc};

use marty_events::{domain_event, testing::EventRecorder};

use crate::support::{Failure, Tx, is_send, transaction};

struct Service;

struct NotSync(Cell<u8>);

/// Documentation stays.
#[must_use]
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn attributes_stay(id: u8) -> u8 {
    id
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn no_return(id: u8) {
    if id == 0 {
        return;
    }
    let _ = id;
}

impl Service {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "key")]
    async fn borrows<'s>(&'s self, key: &'s str, tx: &mut Tx<'_>) -> Result<&'s str, Failure> {
        let _ = tx;
        Ok(key)
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn impl_return(self: Arc<Self>, id: u8) -> Result<impl Iterator<Item = u8>, Failure> {
        Ok([id].into_iter())
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn by_value(mut self, id: u8) -> Self {
        let _ = (id, &mut self);
        self
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn patterns(&self, (id, text): (u8, String), mut n: u32, _: &str, NotSync(cell): NotSync) -> String {
        n += u32::from(id);
        cell.set(1);
        tokio::task::yield_now().await;
        format!("{text}{n}")
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn generics<const N: usize, T, F>(&mut self, id: T, f: F, _array: [u8; N]) -> Result<T, Failure>
    where
        T: std::fmt::Display + Send + Sync,
        F: FnOnce(T) -> T,
    {
        Ok(f(id))
    }
}

trait Store {
    async fn save(&self, id: u8) -> Result<u8, Failure>;
}

impl Store for Service {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn save(&self, id: u8) -> Result<u8, Failure> {
        Ok(id)
    }
}

mod shadowed {
    //! The user's own `Result`, `Option`, `String`, `Ok`, `Some` and `core`.
    #![allow(dead_code, non_snake_case)]

    pub(crate) struct Result<T>(pub(crate) T);
    pub(crate) struct Option;
    pub(crate) struct String;
    pub(crate) mod core {}
    pub(crate) fn Ok() {}
    pub(crate) fn Some() {}

    #[marty_events::domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    pub(crate) async fn method(id: u8) -> Result<u8> {
        Result(id)
    }
}

macro_rules! by_macro {
    ($name:ident, $tx:ident: $ty:ty) => {
        #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
        async fn $name(id: u8, $tx: $ty) -> Result<(), Failure> {
            let _ = (id, $tx);
            Ok(())
        }
    };
}

by_macro!(from_a_macro, handle: &mut Tx<'_>);

#[tokio::test]
async fn every_shape_publishes_once_and_its_future_is_send() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            let _ = is_send(attributes_stay(1)).await;
            is_send(no_return(0)).await;
            assert_eq!(is_send(Service.borrows("k", &mut tx)).await.unwrap(), "k");
            assert_eq!(is_send(Arc::new(Service).impl_return(2)).await.unwrap().sum::<u8>(), 2);
            let mut service = is_send(Service.by_value(3)).await;
            assert_eq!(is_send(service.patterns((1, "x".to_owned()), 1, "", NotSync(Cell::new(0)))).await, "x2");
            assert_eq!(is_send(service.generics(4, |id| id + 1, [0; 3])).await.unwrap(), 5);
            assert_eq!(service.save(5).await.unwrap(), 5);
            assert_eq!(is_send(shadowed::method(6)).await.0, 6);
            is_send(from_a_macro(7, &mut tx)).await.unwrap();
        })
        .await;
    let keys: Vec<_> = recorder.events().into_iter().map(|event| event.key.unwrap()).collect();
    assert_eq!(keys, ["1", "0", "k", "2", "3", "1", "4", "5", "6", "7"]);
}

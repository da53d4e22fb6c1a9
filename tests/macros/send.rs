//! A method's future is `Send` where the plain one is: also where its error is not.

use std::{error::Error, rc::Rc};

use async_trait::async_trait;
use marty_events::{AuditEventType, audit_event, domain_event, testing::EventRecorder};

use crate::support::{Failure, Tx, is_send, transaction};

type Boxed<T> = Result<T, Box<dyn Error>>;

#[domain_event(aggregate_type = "a", event_type = "in_transaction", aggregate_id_field = "id", data(result))]
#[audit_event(
    event_type = AuditEventType::DataUpdated,
    action = "a",
    resource_type = "r",
    resource_id_field = "id",
    on = "both",
    error_code = error.to_string().len()
)]
async fn in_transaction(id: u8, tx: &mut Tx<'_>) -> Boxed<u8> {
    let _ = tx;
    tokio::task::yield_now().await;
    if id == 0 { Err("none")? } else { Ok(id) }
}

#[domain_event(aggregate_type = "a", event_type = "direct", aggregate_id_field = "id", on_publish_error = "fail")]
async fn direct(id: u8) -> Boxed<u8> {
    if id == 0 { Err("none")? } else { Ok(id) }
}

#[domain_event(aggregate_type = "a", event_type = "lenient", aggregate_id_field = "id", on = "both")]
async fn lenient(id: u8) -> Result<u8, RcError> {
    if id == 0 { Err(RcError(Rc::new(id))) } else { Ok(id) }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct RcError(Rc<u8>);

#[domain_event(aggregate_type = "a", event_type = "failed_only", aggregate_id_field = "id", on = "failure")]
async fn failed_only(id: u8) -> Result<Rc<u8>, RcError> {
    if id == 0 { Err(RcError(Rc::new(id))) } else { Ok(Rc::new(id)) }
}

struct Generic<T>(T);

impl<T: std::fmt::Display + Send + Sync> Generic<T> {
    #[domain_event(aggregate_type = "a", event_type = "generic", aggregate_id_field = "self.0", transaction = tx)]
    async fn named(&self, tx: &mut Tx<'_>) -> Boxed<&T> {
        let _ = tx;
        Ok(&self.0)
    }
}

#[async_trait]
trait Store {
    async fn save(&self, id: u8, tx: &mut Tx<'_>) -> Boxed<u8>;
}

#[async_trait]
impl Store for Generic<u8> {
    #[domain_event(aggregate_type = "a", event_type = "boxed", aggregate_id_field = "id", on = "both")]
    async fn save(&self, id: u8, tx: &mut Tx<'_>) -> Boxed<u8> {
        let _ = tx;
        if id == 0 { Err(Box::new(Failure::Refused)) } else { Ok(self.0) }
    }
}

#[tokio::test]
async fn an_error_that_is_not_send_does_not_matter() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            assert_eq!(is_send(in_transaction(1, &mut tx)).await.unwrap(), 1);
            is_send(in_transaction(0, &mut tx)).await.unwrap_err();
            assert_eq!(is_send(direct(2)).await.unwrap(), 2);
            assert_eq!(is_send(lenient(3)).await.unwrap(), 3);
            is_send(lenient(0)).await.unwrap_err();
            is_send(failed_only(0)).await.unwrap_err();
            assert_eq!(*is_send(failed_only(4)).await.unwrap(), 4);
            assert_eq!(is_send(Generic(5).named(&mut tx)).await.unwrap(), &5);
            assert_eq!(is_send(Generic(6).save(6, &mut tx)).await.unwrap(), 6);
            is_send(Generic(6).save(0, &mut tx)).await.unwrap_err();
        })
        .await;
    let published: Vec<_> = recorder.events().into_iter().map(|event| (event.event_type, event.key.unwrap())).collect();
    let expected = [
        ("in_transaction", "1"),
        ("data.updated", "1"),
        ("data.updated", "0"),
        ("direct", "2"),
        ("lenient", "3"),
        ("lenient_failed", "0"),
        ("failed_only_failed", "0"),
        ("generic", "5"),
        ("boxed", "6"),
        ("boxed_failed", "0"),
    ];
    assert_eq!(published, expected.map(|(event_type, key)| (event_type.to_owned(), key.to_owned())));
}

//! Nothing that is generated triggers a lint at the user's code, nor hides one. Each case was a bug of an attribute macro
//! on async functions somewhere (tracing, async-trait), or nearly one here.
#![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery, elided_lifetimes_in_paths, unused_qualifications)]
#![allow(clippy::used_underscore_items, clippy::unused_async, clippy::future_not_send)]

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use marty_events::{AuditEventType, audit_event, domain_event, testing::EventRecorder};

use crate::support::{Failure, Tx};

/// rust-clippy #7757: `let_unit_value`; tracing #843: `unit_arg`.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", data(nothing = ()))]
async fn unit(id: u8) -> () {
    let _ = id;
}

/// tracing #1093: a body that ends in a semicolon.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn trailing_semicolon(id: u8) {
    drop(vec![id]);
}

/// tracing #2876: `blocks_in_conditions`; #1613: `suspicious_else_formatting`.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn conditions(id: u8) -> Result<u8, Failure> {
    match id {
        0 => Err(Failure::Refused),
        1 => Ok(1),
        more => Ok(more),
    }
}

/// tracing #2422: `unreachable` behind a body that diverges.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn diverges(id: u8) -> Result<u8, Failure> {
    unimplemented!("{id}")
}

/// async-trait #266.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn never(id: u8) -> std::convert::Infallible {
    let _ = id;
    std::future::pending().await
}

/// tracing #2822, async-trait #21: `used_underscore_binding`.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", data(more = (result, &seen)))]
async fn underscores(
    id: u8,
    _unused: &mut Vec<u8>,
    _tx: &mut Tx<'_>,
    _owned: String,
    seen: &str,
) -> Result<u8, Failure> {
    Ok(id)
}

/// tracing #3108: the name's span stays the user's.
#[expect(dead_code)]
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn unused_function(id: u8) {
    let _ = id;
}

#[expect(unused_variables)]
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn unused_argument(id: u8, other: u8) {}

/// tracing #2294: inner attributes of the body.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn inner_attributes(id: u8) -> u8 {
    #![allow(clippy::needless_return)]
    return id;
}

/// Names of generated code mean the user's own in the body.
#[audit_event(
    event_type = AuditEventType::DataUpdated,
    action = "a",
    resource_type = "r",
    resource_id_field = "__event",
    data(__batch, __out = result),
    on = "both"
)]
async fn hygiene(__event: u8, __batch: u8, __handle: u8, __kept0: u8) -> Result<u8, Failure> {
    let __out = __event + __batch;
    Ok(__out + __handle + __kept0)
}

/// tracing #1831: generic, raw and shadowed names.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "type", data(r#type, some))]
async fn raw<Option, const N: usize>(r#type: u8, some: Option, _array: [u8; N]) -> u8
where
    Option: Debug + serde::Serialize,
{
    drop(some);
    r#type
}

/// async-trait #154: `items_after_statements`.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn items_first(id: u8) -> u8 {
    const MORE: u8 = 1;
    id + MORE
}

/// async-trait #226, #288: conditional arguments, in patterns and generics too.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", data(now = result + more))]
async fn conditional<#[cfg(any())] T: Send>(
    #[cfg(any())] other: T,
    id: u8,
    #[cfg(any())] (left, right): (u8, u8),
    #[cfg(test)] (_left, _right): (u8, u8),
    more: u8,
) -> u8 {
    id
}

/// async-trait #236: `async_yields_async`.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn yields_async(id: u8) -> std::future::Ready<u8> {
    std::future::ready(id)
}

/// tracing #2764: a closure's and a loop's control flow.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn control_flow(id: u8) -> Option<u8> {
    let halved = (|| Some(id.checked_sub(1)? / 2))()?;
    for step in 0..halved {
        if step == 1 {
            continue;
        }
        if step == 3 {
            break;
        }
    }
    Some(halved)
}

/// tracing #2356, async-trait #204: an expression in tail position that borrows.
#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn borrowing_tail(id: Arc<str>) -> usize {
    let parts = std::sync::Mutex::new(vec![id.len()]);
    parts.lock().expect("not poisoned").len()
}

#[async_trait]
trait Linted {
    type Item: Debug + Send;
    async fn item(&self, id: u8, mut_arg: Vec<u8>, _: u8) -> Result<Self::Item, Failure>;
    async fn sized(self, id: u8) -> Self
    where
        Self: Sized;
}

#[async_trait]
impl Linted for String {
    type Item = Self;

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", on = "both", data(at = self.len()))]
    async fn item(&self, id: u8, mut mut_arg: Vec<u8>, _: u8) -> Result<Self::Item, Failure> {
        mut_arg.push(id);
        Ok(self.repeat(mut_arg.len()))
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn sized(mut self, id: u8) -> Self {
        self.push('!');
        let _ = id;
        self
    }
}

macro_rules! annotated {
    ($event_type:literal, $id:literal, $value:expr, $(#[$attribute:meta])* fn $name:ident($($argument:ident: $ty:ty),*) -> $out:ty $body:block) => {
        $(#[$attribute])*
        #[domain_event(aggregate_type = "a", event_type = $event_type, aggregate_id_field = $id, data(value = $value))]
        async fn $name($($argument: $ty),*) -> $out $body
    };
}

annotated!(
    "e",
    "id",
    1 + 1,
    #[must_use = "it is the point"]
    fn from_a_macro(id: u8, tx: &mut Tx<'_>) -> Result<u8, Failure> {
        let _ = tx;
        Ok(id)
    }
);

#[tokio::test]
async fn all_of_them_publish() {
    let recorder = EventRecorder::new();
    let mut tx = crate::support::transaction().await;
    recorder
        .scope(async {
            unit(1).await;
            trailing_semicolon(2).await;
            conditions(3).await.unwrap();
            underscores(4, &mut vec![], &mut tx, String::new(), "").await.unwrap();
            unused_argument(5, 5).await;
            inner_attributes(6).await;
            assert_eq!(hygiene(7, 1, 1, 1).await.unwrap(), 10);
            assert_eq!(raw(8, 'c', [0; 2]).await, 8);
            assert_eq!(control_flow(9).await, Some(4));
            assert_eq!(borrowing_tail("ten".into()).await, 1);
            assert_eq!("i".to_owned().item(11, vec![], 0).await.unwrap(), "i");
            assert_eq!("s".to_owned().sized(12).await, "s!");
            from_a_macro(13, &mut tx).await.unwrap();
            assert_eq!(items_first(14).await, 15);
            conditional(15, (1, 1), 1).await;
            assert_eq!(yields_async(16).await.await, 16);
            drop((diverges(17), never(18)));
        })
        .await;
    let keys: Vec<_> = recorder.events().into_iter().map(|event| event.key.unwrap()).collect();
    assert_eq!(keys, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "ten", "11", "12", "13", "14", "15", "16"]);
}

//! When an event is published: after the body, if it succeeded.

use marty_events::{domain_event, testing::EventRecorder};

use crate::support::Failure;

type Answer<T> = Result<T, Failure>;

#[domain_event(aggregate_type = "user", event_type = "checked", aggregate_id_field = "id")]
async fn check(id: u64, fail: bool) -> Answer<u64> {
    if fail {
        Err(Failure::Refused)?;
    }
    if id == 0 {
        return Ok(1);
    }
    Ok(id)
}

#[domain_event(aggregate_type = "user", event_type = "maybe", aggregate_id_field = "id")]
async fn maybe(id: u64) -> Option<u64> {
    let _ = id;
    None
}

#[tokio::test]
async fn ok_of_any_result_is_success_and_so_is_everything_that_is_no_result() {
    let recorder = EventRecorder::new();
    recorder
        .scope(async {
            assert!(matches!(check(1, true).await, Err(Failure::Refused)));
            assert_eq!(check(0, false).await.unwrap(), 1);
            assert_eq!(check(2, false).await.unwrap(), 2);
            assert_eq!(maybe(3).await, None);
        })
        .await;
    let keys: Vec<_> = recorder.events().into_iter().map(|event| event.key.unwrap()).collect();
    assert_eq!(keys, ["0", "2", "3"]);
}

#[tokio::test]
async fn without_a_publisher_the_default_policy_logs_and_the_strict_one_fails() {
    #[domain_event(
        aggregate_type = "user",
        event_type = "strict",
        aggregate_id_field = "id",
        on_publish_error = "fail"
    )]
    async fn strict(id: u64) -> Result<u64, Failure> {
        Ok(id)
    }
    assert_eq!(check(5, false).await.unwrap(), 5);
    let error = strict(5).await.unwrap_err();
    assert!(error.to_string().contains("marty_events::init().await?"), "{error}");
}

//! Events of the largest size that the producer takes: an event that passes the check is taken by the client and by the broker.

use marty_events::{CustomEvent, EventConfig, EventError, EventPublisher};
use marty_events_tests::{kafka::prefix, servers, topics};

/// The limit of the producer, and of its topic.
const LIMIT: usize = 20_000;

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    TooLarge,
}

async fn send(publisher: &EventPublisher, key: Option<&str>, length: usize) -> Answer {
    let event = CustomEvent::new("sized", "sized").data(&"x".repeat(length));
    let event = if let Some(key) = key { event.key(key) } else { event };
    match publisher.publish(event).await {
        Ok(_) => Answer::Taken,
        Err(EventError::TooLarge { size, limit: LIMIT, .. }) if LIMIT < size => Answer::TooLarge,
        Err(error) => panic!("{length} bytes of data passed the check, and were refused: {error:?}"),
    }
}

#[tokio::test]
async fn every_event_that_passes_the_check_of_its_size_is_taken_by_client_and_broker() {
    let test = "every_event_that_passes_the_check_of_its_size_is_taken_by_client_and_broker";
    let Some(brokers) = servers::kafka(test) else { return };
    let prefix = prefix();
    topics::create(&brokers, &format!("{prefix}.sized"), u32::try_from(LIMIT).unwrap()).await;
    let config = EventConfig::builder()
        .service_name("suite")
        .brokers(&brokers)
        .topic_prefix(&prefix)
        .producer_property("message.max.bytes", LIMIT.to_string());
    let publisher = EventPublisher::new(&config.build().unwrap()).unwrap();
    let long = "k".repeat(3_000);
    for key in [None, Some("key"), Some(long.as_str())] {
        // The longest data that is taken.
        let (mut taken, mut refused) = (0, LIMIT);
        while taken + 1 < refused {
            let length = usize::midpoint(taken, refused);
            match send(&publisher, key, length).await {
                Answer::Taken => taken = length,
                Answer::TooLarge => refused = length,
            }
        }
        assert!(LIMIT / 2 < taken, "{taken} bytes of data are no more than half the limit");
        for length in taken.saturating_sub(100)..taken + 100 {
            let expected = if length <= taken { Answer::Taken } else { Answer::TooLarge };
            assert_eq!(send(&publisher, key, length).await, expected, "{length}");
        }
    }
}

//! A key has the partition that a Java client gives it, by either route.

use marty_events::CustomEvent;
use marty_events_tests::topics;

use crate::support::service::Service;

/// Keys with the hashes of Kafka's own test (`UtilsTest.testMurmur2`).
const HASHES: [(&str, i32); 6] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ("abc", 479_470_107),
];
const PARTITIONS: i32 = 7;

#[tokio::test]
async fn a_key_has_the_partition_that_a_java_client_gives_it() {
    let Some(service) = Service::start("a_key_has_the_partition_that_a_java_client_gives_it").await else { return };
    let brokers = service.publisher.bootstrap_servers().to_owned();
    for topic in ["direct", "relayed"] {
        topics::make(&brokers, &format!("{}.{topic}", service.prefix), PARTITIONS, &[]).await;
    }
    let relay = service.run_relay();
    let mut transaction = service.database.pool.begin().await.unwrap();
    for (key, _) in HASHES {
        service.publisher.publish(CustomEvent::new("direct", "moved").key(key)).await.unwrap();
        let relayed = CustomEvent::new("relayed", "moved").key(key);
        service.publisher.publish_in(&mut transaction, relayed).await.unwrap();
    }
    transaction.commit().await.unwrap();
    for record in service.reader.events(2 * HASHES.len()).await {
        let key = record.key.as_deref().unwrap();
        let (_, hash) = HASHES.into_iter().find(|(known, _)| *known == key).unwrap();
        // `Utils.toPositive`
        assert_eq!(record.place.0, (hash & i32::MAX) % PARTITIONS, "`{key}` in {}", record.topic);
    }
    relay.stop().await;
}

//! A domain event names the schema of its data, by either route.

use marty_events::{DomainEvent, EventConfig, EventPublisher};

use crate::support::service::Service;

#[tokio::test]
async fn a_domain_event_names_its_schema_by_either_route() {
    let Some(service) = Service::start("a_domain_event_names_its_schema_by_either_route").await else { return };
    let config = EventConfig::builder()
        .service_name("suite")
        .brokers(service.publisher.bootstrap_servers())
        .topic_prefix(&*service.prefix)
        .schema_base_url("https://schemas.example.com/events/")
        .build()
        .unwrap();
    let publisher = EventPublisher::new(&config).unwrap();
    let renamed = |version| DomainEvent::new("User", "7", "renamed").event_version(version);
    publisher.publish(renamed(1)).await.unwrap();
    let mut transaction = service.database.pool.begin().await.unwrap();
    publisher.publish_in(&mut transaction, renamed(2)).await.unwrap();
    transaction.commit().await.unwrap();
    // A relay needs no variable for it: the row has the header.
    let relay = service.run_relay();
    let records = service.reader.events(2).await;
    let mut urls: Vec<&str> = records.iter().filter_map(|record| record.header("ce_dataschema")).collect();
    urls.sort_unstable();
    let url = |version: u32| format!("https://schemas.example.com/events/suite/user.renamed/v{version}.json");
    assert_eq!(urls, [url(1), url(2)]);
    for record in &records {
        assert_eq!(record.value["payload"]["schema_url"].as_str(), record.header("ce_dataschema"));
    }
    relay.stop().await;
}

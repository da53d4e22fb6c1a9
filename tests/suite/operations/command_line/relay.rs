//! `migrate`, `relay`, `status`.

use marty_events::OutboxRepository;
use marty_events_tests::{database::TestDatabase, process::Watched, wait};
use serde_json::json;

use crate::support::operator::{Operator, created, read, steady, write};
use crate::support::service::{Service, config};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_migrates_relays_and_looks() {
    let Some(service) = Service::start("an_operator_migrates_relays_and_looks").await else { return };
    let operator = Operator::of(&service).with("EVENT_OUTBOX_TABLE", "operated");
    let missing = operator.run(&["status"]);
    assert_eq!(missing.code, 1);
    insta::assert_snapshot!(missing.complaint, @r#"
    error: the outbox table `operated` does not exist, or is of an earlier version; run `marty_events::outbox::migrate` or apply the shipped SQL
      because: error returned from database: relation "operated" does not exist
      what to do: run `marty-events migrate`, with the same --table
    "#);
    assert_eq!(operator.text(&["migrate"]), "the outbox `operated` is up to date\n");
    assert_eq!(operator.json(&["migrate"]), [json!({"table": "operated", "migrated": true})]);

    let config = marty_events::EventConfig::builder()
        .service_name("suite")
        .brokers(service.publisher.bootstrap_servers())
        .topic_prefix(&service.prefix)
        .outbox_table("operated")
        .build()
        .unwrap();
    let publisher = marty_events::EventPublisher::new(&config).unwrap();
    write(&service.database, &publisher, [created("1")]).await;
    let waiting = operator.json(&["status"]).remove(0);
    assert_eq!((&waiting["pending"], &waiting["published"], &waiting["relays"]), (&json!(1), &json!(0), &json!([])));
    assert_eq!(waiting["unowned_lanes"].as_array().unwrap().len(), 16);

    // The table by the option and not by the variable: the option counts for the relay too.
    let relay = Watched::start(
        Operator::of(&service)
            .command(&["relay", "--table", "operated", "--lease-time", "1m"])
            .stderr(std::process::Stdio::null()),
    );
    service.reader.events(1).await;
    let outbox = OutboxRepository::new(&service.database.pool).table(config.outbox_table().clone());
    wait::until("the settlement", || async { (outbox.stats().await.ok()?.published == 1).then_some(()) }).await;
    let status = operator.json(&["status"]).remove(0);
    let (host, process) = (status["relays"][0]["host"].as_str().unwrap(), &status["relays"][0]["process_id"]);
    let text = steady(&operator.text(&["status"]));
    let text = text.replace(&format!(" {host} {process} "), " [host] [process] ");
    insta::assert_snapshot!(text, @r"
    pending 0
    oldest -
    dead 0
    published 1

    RELAY SERVICE HOST PID VERSION STARTED STATE LANES
    [id] marty-events [host] [process] 0.1.0 [time] working 1-16
    ");
    assert_eq!(status["unowned_lanes"], json!([]));
    assert_eq!(status["relays"][0]["lanes"], json!((1..=16).collect::<Vec<_>>()));
    relay.terminate();
    assert_eq!(relay.last_lines(), [""; 0], "it ends, and has said nothing on standard output");
    assert!(operator.text(&["status"]).contains("relays     none\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_drains_the_outbox_and_ends() {
    let Some(service) = Service::start("a_relay_drains_the_outbox_and_ends").await else { return };
    write(&service.database, &service.publisher, (0..50).map(|key| created(&format!("u-{key}")))).await;
    let operator = Operator::of(&service);
    let drained = operator.json(&["relay", "--drain"]);
    assert_eq!(drained, [json!({"drained": true, "published": 50, "pending": 0, "dead": 0})]);
    service.reader.events(50).await;
    let again = operator.run(&["relay", "--drain"]);
    assert_eq!(again.text, "the outbox is empty; 0 were delivered meanwhile, and 0 are dead\n");
    assert!(!again.complaint.contains('\x1b'), "no bar and no colour where there is no terminal: {}", again.complaint);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_in_time_and_when_asked() {
    let Some(database) = TestDatabase::create("a_drain_ends_in_time_and_when_asked").await else { return };
    // Nobody listens at this port.
    let config = config("127.0.0.1:1", "away");
    let publisher = marty_events::EventPublisher::new(&config).unwrap();
    write(&database, &publisher, [created("1")]).await;
    let operator = Operator::of_database(&database).with("KAFKA_BROKERS", "127.0.0.1:1");
    let late = operator.run(&["relay", "--drain", "--within", "1s", "--json"]);
    assert_eq!(late.code, 1, "{late:?}");
    assert_eq!(read(&late.text), json!({"drained": false, "published": 0, "pending": 1, "dead": 0}));

    let outbox = OutboxRepository::new(&database.pool);
    let mut command = operator.command(&["relay", "--drain"]);
    let relay = Watched::start(command.stderr(std::process::Stdio::null()));
    wait::until("the relay", || async { (!outbox.relays().await.ok()?.is_empty()).then_some(()) }).await;
    relay.terminate();
    let said = relay.line(wait::DEADLINE).expect("an answer");
    assert_eq!(said, "1 events still wait; 0 were delivered meanwhile, and 0 are dead");
}

#[test]
fn a_relay_tells_every_fault_of_its_configuration() {
    let operator = Operator::new([
        ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/x".to_owned()),
        ("KAFKA_BROKERS", "nowhere".to_owned()),
        ("EVENT_TOPIC_PREFIX", "a b".to_owned()),
    ]);
    let answer = operator.run(&["relay"]);
    assert_eq!(answer.code, 2);
    assert!(answer.complaint.contains("the configuration has 2 faults:"), "{}", answer.complaint);
    assert!(!answer.complaint.contains("hunter2"), "{}", answer.complaint);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_variables_are_as_if_absent() {
    let Some(service) = Service::start("empty_variables_are_as_if_absent").await else { return };
    let operator = ["SERVICE_NAME", "MARTY_EVENTS_LISTEN", "EVENT_OUTBOX_TABLE", "KAFKA_SECURITY_PROTOCOL"]
        .into_iter()
        .fold(Operator::of(&service), |operator, variable| operator.with(variable, "  "));
    let drained = operator.json(&["relay", "--drain"]);
    assert_eq!(drained, [json!({"drained": true, "published": 0, "pending": 0, "dead": 0})]);
    let found = operator.json(&["doctor"]);
    assert!(found.iter().any(|check| check.to_string().contains("SERVICE_NAME is not set")), "{found:?}");
}

#[test]
fn a_time_that_no_clock_reaches_is_refused() {
    let answer = Operator::new([]).run(&["relay", "--lease-time", "2562047788015215h"]);
    assert_eq!(answer.code, 2);
    assert!(answer.complaint.contains("it is longer than 100 years"), "{}", answer.complaint);
}

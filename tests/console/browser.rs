//! A person at a browser.

use marty_events::{CancellationToken, DomainEvent, EventConfig, EventPublisher, OutboxRelay, OutboxRepository};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Reader, prefix},
    servers, topics, wait,
};

use crate::{
    fixture::{Console, TOKEN},
    webdriver::Browser,
};

/// The event is too large for its topic, and dies; the topic is widened, and a person brings the event back.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_looks_and_requeues_and_the_event_is_delivered() {
    let test = "a_person_signs_in_looks_and_requeues_and_the_event_is_delivered";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let Some(browser) = Browser::start(test) else { return };
    let prefix = prefix();
    let topic = format!("{prefix}.bank.account.moved");
    let config = EventConfig::builder().service_name("bank").brokers(&brokers).topic_prefix(&prefix).build().unwrap();
    let publisher = EventPublisher::new(&config).unwrap();
    let reader = Reader::start(&brokers, &prefix);
    topics::create(&brokers, &topic, 2_000).await;
    let event = DomainEvent::new("account", "account-1", "moved").data(&"<b>long</b> ".repeat(500));
    let mut transaction = database.pool.begin().await.unwrap();
    let id = publisher.publish_in(&mut transaction, event).await.unwrap();
    transaction.commit().await.unwrap();
    let stop = CancellationToken::new();
    let relay = OutboxRelay::builder(&database.pool).config(config).max_attempts(1).build().unwrap();
    let relay = tokio::spawn(relay.run(stop.clone()));
    let outbox = OutboxRepository::new(&database.pool);
    let dead = async || (outbox.dead_letters(10).await.unwrap().len() == 1).then_some(());
    wait::until("the event's death", dead).await;

    let console = Console::closed(&database.url, &[]);
    browser.go(&format!("http://{}/", console.address));
    browser.fill("Token", TOKEN);
    browser.click("Sign in");
    assert_eq!(browser.text("h1"), "Overview");
    // A page that refreshes itself may be replaced between finding an element and using it.
    browser.go(&format!("http://{}/?still", console.address));
    assert_eq!((browser.text("#pending"), browser.text("#dead")), ("0".to_owned(), "1".to_owned()));
    let relays = browser.text("table");
    assert!(relays.contains("working") && relays.contains("1–16"), "{relays}");
    // The policy lets the page's own style through.
    let style = browser.run("return getComputedStyle(document.querySelector('.figures')).display");
    assert_eq!(style, "grid");
    assert_eq!(browser.run("return document.cookie"), "", "out of scripts' reach");

    browser.click("Dead letters");
    let list = browser.text("main");
    assert!(list.contains(&id.to_string()) && list.contains("MessageSizeTooLarge") && list.contains(&topic), "{list}");
    browser.click(&id.to_string());
    assert!(!browser.text("main").contains("<b>long</b>"));
    browser.click("Show the payload");
    assert!(browser.text("pre").contains("<b>long</b> <b>long</b>"), "as text");
    assert_eq!(browser.run("return document.querySelectorAll('pre b').length"), 0);

    topics::widen(&brokers, &topic, 100_000).await;
    browser.click(&id.to_string());
    browser.click("Requeue …");
    assert!(browser.text("main").contains("Put this event back at the end of the outbox?"));
    assert_eq!(outbox.stats().await.unwrap().dead, 1, "not before it is confirmed");
    browser.click("Requeue");
    assert_eq!(browser.text("h1"), "Done");
    let records = reader.events(1).await;
    assert_eq!(records[0].id(), Some(id.to_string().as_str()), "under the same id");
    browser.click("To the dead letters");
    assert!(browser.text("main").contains("There are no dead letters."));
    browser.click("Overview");
    wait::until("the delivery on the page, which refreshes itself", async || {
        let seen = browser.run("return document.querySelector('#published')?.textContent");
        (seen == "1").then_some(())
    })
    .await;
    browser.go(&format!("http://{}/?still", console.address));
    browser.click("Sign out");
    assert_eq!(browser.text("h1"), "Sign in");
    browser.go(&format!("http://{}/dead-letters", console.address));
    assert_eq!(browser.text("h1"), "Sign in");
    stop.cancel();
    relay.await.unwrap().unwrap();
}

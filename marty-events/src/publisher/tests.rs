//! Direct events from inside: outstanding events at a shutdown, and events after a panic.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::{Duration, Instant},
};

use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};

use super::{
    EventPublisher, Sink,
    direct::{Direct, Fallback},
    live::Live,
    registration::EventsGuard,
};
use crate::{AuditEvent, AuditEventType, EventConfig, EventError, OutboxRepository};

fn login(id: u32) -> AuditEvent {
    AuditEvent::new(AuditEventType::UserLogin, "login", "account").resource_id(id)
}

/// A database with an outbox, in a file.
struct Database {
    _folder: tempfile::TempDir,
    url: String,
    pool: SqlitePool,
}

impl Database {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("db").display());
        let pool = SqlitePool::connect(&url).await.expect("a database");
        crate::outbox::migrate(&pool).await.expect("the outbox");
        Self { _folder: folder, url, pool }
    }

    async fn kept(&self) -> usize {
        OutboxRepository::new(&self.pool).pending(100).await.expect("the outbox").len()
    }
}

fn without_broker() -> crate::config::EventConfigBuilder {
    EventConfig::builder().service_name("users").brokers("127.0.0.1:1").producer_property("message.timeout.ms", "200")
}

/// A publisher whose fallback is `pool`.
fn publisher(pool: &SqlitePool) -> (EventPublisher, Arc<Live>) {
    let mut live = Live::new(&without_broker().build().expect("a configuration")).expect("a publisher");
    let direct = Arc::get_mut(&mut live.direct).expect("nothing is on its way");
    let Direct { fallback, .. } = direct;
    let outbox = OutboxRepository::new(pool);
    *fallback = Some(Fallback {
        attended: outbox.clone(),
        unattended: outbox,
        attended_within: Duration::from_mins(1),
        unattended_within: Duration::from_secs(30),
    });
    let live = Arc::new(live);
    (EventPublisher(Sink::Live(live.clone())), live)
}

/// Begins to publish, and gives up. On a busy machine it may be over by then.
fn abandon(publisher: &EventPublisher, id: u32) {
    let publishing = pin!(publisher.publish(login(id)));
    drop(publishing.poll(&mut Context::from_waker(Waker::noop())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_an_event_whose_caller_still_waits_for_the_outbox() {
    let database = Database::new().await;
    let config = without_broker().database_url(&database.url).build().expect("a configuration");
    let live = Arc::new(Live::new(&config).expect("a publisher"));
    let publisher = EventPublisher(Sink::Live(live.clone()));
    let locking = database.pool.begin_with("BEGIN IMMEDIATE").await.expect("the one writer");
    let publishing = tokio::spawn(async move { publisher.publish(login(1)).await });
    let begin = Instant::now();
    while live.outstanding.len() == 0 {
        assert!(begin.elapsed() < Duration::from_mins(1), "the event was accepted");
        tokio::task::yield_now().await;
    }
    let hurried = EventsGuard::of(live.clone(), Duration::from_millis(500)).shutdown().await;
    assert!(matches!(hurried, Err(EventError::Undelivered { undelivered: 1, .. })), "{hurried:?}");
    let patient = tokio::spawn(EventsGuard::of(live, Duration::from_secs(20)).shutdown());
    locking.rollback().await.expect("an end");
    patient.await.expect("an end").expect("nothing is outstanding");
    assert_eq!(database.kept().await, 1);
    publishing.await.expect("an end").expect("it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_without_a_broker_does_not_wait_for_the_client() {
    let database = Database::new().await;
    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let config = EventConfig::builder().service_name("users").brokers(free.to_string()).database_url(&database.url);
    let config = config.producer_property("message.timeout.ms", "600000");
    let live = Arc::new(Live::new(&config.build().expect("a configuration")).expect("a publisher"));
    abandon(&EventPublisher(Sink::Live(live.clone())), 1);
    let begun = Instant::now();
    EventsGuard::of(live, Duration::from_mins(5)).shutdown().await.expect("nothing is outstanding");
    assert!(begun.elapsed() < Duration::from_mins(2), "{:?}, and the client tries for 10 minutes", begun.elapsed());
    assert_eq!(database.kept().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_kept_where_the_first_try_panics() {
    let database = Database::new().await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let panicking = SqlitePoolOptions::new().after_connect(move |_, _| {
        assert!(0 < counted.fetch_add(1, Ordering::AcqRel), "the first connection panics");
        Box::pin(async { Ok(()) })
    });
    let panicking = panicking.connect_lazy(&database.url).expect("a pool");
    let (publisher, live) = publisher(&panicking);
    publisher.publish(login(1)).await.expect("it is kept");
    assert_eq!((database.kept().await, tries.load(Ordering::Acquire)), (1, 2));
    assert_eq!(live.drain(Duration::from_secs(20)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_every_try_panics_is_reported_and_over() {
    let database = Database::new().await;
    let panicking = SqlitePoolOptions::new().after_connect(|_, _| panic!("every connection panics"));
    let panicking = panicking.connect_lazy(&database.url).expect("a pool");
    let (publisher, live) = publisher(&panicking);
    let refused = publisher.publish(login(1)).await;
    assert!(matches!(refused, Err(EventError::Delivery { .. })), "{refused:?}");
    abandon(&publisher, 2);
    assert_eq!(live.drain(Duration::from_secs(20)), 0, "also the event that nobody waits for is over");
    assert_eq!(database.kept().await, 0);
}

#[tokio::test]
async fn a_caller_is_let_go_where_the_client_reports_nothing() {
    let patient = without_broker().producer_property("message.timeout.ms", "600000");
    let mut live = Live::new(&patient.build().expect("a configuration")).expect("a publisher");
    let direct = Arc::get_mut(&mut live.direct).expect("nothing is on its way");
    assert_eq!(direct.answered_within, Duration::from_secs(610));
    direct.answered_within = Duration::from_millis(200);
    let live = Arc::new(live);
    let publishing = EventPublisher(Sink::Live(live.clone())).publish(login(1)).await;
    assert!(matches!(&publishing, Err(EventError::Delivery { .. })), "{publishing:?}");
    assert!(publishing.is_err_and(|error| error.is_retryable()));
    assert_eq!(live.outstanding.len(), 1, "the event goes on without its caller");
}

/// Everything of a record that a caller can make long is long, and the producer takes little.
#[tokio::test]
async fn the_record_of_a_failure_is_cut_until_the_producer_takes_it() {
    let long = "ü\u{1}".repeat(50_000);
    let data = serde_json::json!({"input": long, "kept": 7, "error_message": long});
    let many: std::collections::BTreeMap<String, u8> = (0..10_000).map(|number| (number.to_string(), 1)).collect();
    let audit = |word: &str| AuditEvent::new(AuditEventType::Custom(word.to_owned()), long.clone(), long.clone());
    let events: Vec<crate::Event> = vec![
        audit("login")
            .resource_id(&long)
            .data(&data)
            .previous_state(&long)
            .security_context(&many)
            .error_message(long.clone())
            .error_code(&long)
            .compliance_tags(vec![long.clone(); 100])
            .into(),
        audit(&long).data(&[&long]).into(),
        crate::DomainEvent::new("user", &long, "renamed_failed").data(&data).business_context(&many).into(),
        crate::CustomEvent::new("t", long.clone()).key(&long).data(&data).into(),
    ];
    let limit = 32 * 1024;
    let config = without_broker().producer_property("message.max.bytes", limit.to_string());
    let live = Arc::new(Live::new(&config.build().expect("a configuration")).expect("a publisher"));
    let context = crate::EventContext::new()
        .correlation_id(&long)
        .causation_id(&long)
        .user_id(&long)
        .session_id(&long)
        .request_id(&long)
        .source_ip(&long)
        .user_agent(long.clone())
        .custom_header("tenant", long.clone());
    let made = context.scope(async {
        let whole = live.complete(events[0].clone().escaped());
        assert!(matches!(whole, Err(EventError::TooLarge { .. })), "{whole:?}");
        events.into_iter().map(|event| live.complete_failure(event.escaped())).collect::<Result<Vec<_>, _>>()
    });
    let messages = made.await.expect("they fit");
    let values: Vec<serde_json::Value> =
        messages.iter().map(|message| serde_json::from_str(&message.payload).expect("JSON")).collect();
    assert!(messages.iter().all(|message| message.size() <= limit));
    let details = &values[0]["payload"]["operation_details"];
    assert_eq!(details["kept"], 7);
    assert!(details["input"].as_str().is_some_and(|text| text.starts_with("ü") && text.contains("[cut; 150000 bytes")));
    assert_eq!(values[0]["payload"]["resource_id"], messages[0].key().expect("a key"));
    assert_eq!(values[2]["payload"]["event_data"]["kept"], 7);
    assert_eq!(values[3]["payload"]["kept"], 7);
}

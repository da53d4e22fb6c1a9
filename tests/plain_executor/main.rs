//! The publisher of a program that does not run on tokio, from `init` to `shutdown`, and its counts; a process of its own, so
//! one test.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use marty_events::{AuditEvent, AuditEventType, EventConfig, EventError, EventPublisher, OutboxRepository};
use marty_events_tests::{counters::Counters, wait};
use sqlx::SqlitePool;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end, with nothing that tokio brings.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

fn login(id: u32) -> AuditEvent {
    AuditEvent::new(AuditEventType::UserLogin, "login", "account").resource_id(id)
}

/// Begins to publish, and gives up. The answer is true if the event was in flight then.
fn abandon(publisher: &EventPublisher, id: u32) -> bool {
    let publishing = pin!(publisher.publish(login(id)));
    publishing.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_publisher_works_ends_and_counts_each_event_once_without_tokio() {
    let counters = Counters::install();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pool = runtime.block_on(async {
        let pool = SqlitePool::connect(&url).await.unwrap();
        marty_events::outbox::migrate(&pool).await.unwrap();
        pool
    });
    let nowhere = || {
        EventConfig::builder()
            .service_name("plain")
            .brokers("127.0.0.1:1")
            .producer_property("message.timeout.ms", "200")
            .shutdown_timeout(Duration::from_secs(20))
    };

    let alone = EventPublisher::new(&nowhere().build().unwrap()).unwrap();
    let refused = block_on(alone.publish(login(1)));
    assert!(matches!(refused, Err(EventError::Delivery { .. })), "{refused:?}");

    let events = block_on(marty_events::init_with(nowhere().database_url(&url).build().unwrap())).unwrap();
    let publisher = marty_events::publisher().unwrap();
    block_on(publisher.publish(login(2))).unwrap();
    // Accepted, and not waited for: `shutdown` sees it through.
    assert!(abandon(&publisher, 3));
    // It may fail at once: the broker has been away for longer than an event waits.
    abandon(&alone, 5);
    let begin = Instant::now();
    block_on(events.shutdown()).unwrap();
    wait::assert_within(begin, Duration::from_secs(10), "the shutdown");
    let after = block_on(publisher.publish(login(4)));
    assert!(matches!(after, Err(EventError::ShutDown)), "{after:?}");

    let kept = runtime.block_on(OutboxRepository::new(&pool).pending(9)).unwrap();
    assert_eq!(kept.iter().map(|event| event.key.as_deref()).collect::<Vec<_>>(), [Some("2"), Some("3")]);
    let counted = |outcome| {
        let name = format!("marty_events_published_total plain audit direct {outcome}");
        counters.counts().get(&name).copied().unwrap_or_default()
    };
    runtime.block_on(wait::until("two lost events", || async { (2 <= counted("failed")).then_some(()) }));
    assert_eq!((counted("accepted"), counted("kept"), counted("failed")), (0, 2, 2));
}

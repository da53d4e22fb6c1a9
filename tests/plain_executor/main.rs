//! The publisher of a program that does not run on tokio, from `init` to `shutdown`; a process of its own, so one test.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use marty_events::{AuditEvent, AuditEventType, EventConfig, EventError, EventPublisher, OutboxRepository};
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

#[test]
fn a_publisher_works_and_ends_without_tokio() {
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

    let alone = EventPublisher::unregistered(&nowhere().build().unwrap()).unwrap();
    let refused = block_on(alone.publish(login(1)));
    assert!(matches!(refused, Err(EventError::Delivery { .. })), "{refused:?}");

    let events = block_on(marty_events::init_with(nowhere().database_url(&url).build().unwrap())).unwrap();
    let publisher = marty_events::publisher().unwrap();
    block_on(publisher.publish(login(2))).unwrap();
    // Accepted, and not waited for: `shutdown` sees it through.
    let mut abandoned = Box::pin(publisher.publish(login(3)));
    assert!(abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(abandoned);
    let begin = Instant::now();
    block_on(events.shutdown()).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let after = block_on(publisher.publish(login(4)));
    assert!(matches!(after, Err(EventError::ShutDown)), "{after:?}");

    let kept = runtime.block_on(OutboxRepository::new(&pool).pending(9)).unwrap();
    assert_eq!(kept.iter().map(|event| event.key.as_deref()).collect::<Vec<_>>(), [Some("2"), Some("3")]);
}

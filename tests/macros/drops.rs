//! By-value arguments are dropped in the order of the plain function, and before the event is written.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use marty_events::{domain_event, testing::EventRecorder};

use crate::support::consume;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

struct Named(&'static str, Log);

impl Drop for Named {
    fn drop(&mut self) {
        self.1.0.lock().expect("no thread panicked while it was locked").push(self.0);
    }
}

impl Log {
    fn named(&self, name: &'static str) -> Named {
        Named(name, self.clone())
    }

    fn note(&self, what: &'static str) {
        self.0.lock().expect("no thread panicked while it was locked").push(what);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().expect("no thread panicked while it was locked"))
    }
}

macro_rules! twice {
    ($(#[$attribute:meta])* $plain:ident, $annotated:ident($($argument:tt)*) $body:block) => {
        async fn $plain($($argument)*) $body
        $(#[$attribute])*
        async fn $annotated($($argument)*) $body
    };
}

twice! {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    all_used, all_used_annotated(log: &Log, id: u8, first: Named, mut second: Named, third: Named) {
        let local = log.named("local");
        second.0 = "changed";
        consume((&third, &first, &local, second.0, id));
        tokio::task::yield_now().await;
        log.note("end");
    }
}

twice! {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    some_used, some_used_annotated(log: &Log, id: u8, _guard: Named, used: Named, _: Named, (left, right): (Named, Named)) {
        consume((&used.0, &right, id));
        consume(left);
        tokio::task::yield_now().await;
        log.note("end");
    }
}

twice! {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", on = "both")]
    panicking, panicking_annotated(log: &Log, id: u8, first: Named, _: Named, last: Named) {
        consume((&last, &first, id));
        let _local = log.named("local");
        assert!(id != 0, "as it was told");
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn arguments_are_dropped_as_in_the_plain_function() {
    let (log, recorder) = (Log::default(), EventRecorder::new());
    let three = || (log.named("1"), log.named("2"), log.named("3"));
    let (a, b, c) = three();
    all_used(&log, 1, a, b, c).await;
    let plain = log.take();
    let (a, b, c) = three();
    recorder.scope(all_used_annotated(&log, 1, a, b, c)).await;
    assert_eq!(log.take(), plain);
    assert_eq!(plain, ["end", "local", "3", "changed", "1"]);

    let (a, b, c) = three();
    some_used(&log, 1, a, b, c, (log.named("4"), log.named("5"))).await;
    let plain = log.take();
    let (a, b, c) = three();
    recorder.scope(some_used_annotated(&log, 1, a, b, c, (log.named("4"), log.named("5")))).await;
    assert_eq!(log.take(), plain);
    assert_eq!(plain, ["4", "end", "5", "3", "2", "1"]);
}

#[tokio::test]
async fn arguments_of_a_call_that_breaks_off_are_dropped_as_in_the_plain_function() {
    let (log, recorder) = (Log::default(), EventRecorder::new());
    for id in [0, 1] {
        let three = || (log.named("1"), log.named("2"), log.named("3"));
        let (a, b, c) = three();
        let broken = std::panic::AssertUnwindSafe(panicking(&log, id, a, b, c)).catch_unwind().now_or_never();
        assert!(broken.is_none_or(|ended| ended.is_err()));
        let plain = log.take();
        let (a, b, c) = three();
        let call = recorder.scope(panicking_annotated(&log, id, a, b, c));
        let broken = std::panic::AssertUnwindSafe(call).catch_unwind().now_or_never();
        assert!(broken.is_none_or(|ended| ended.is_err()));
        assert_eq!(log.take(), plain);
        assert_eq!(plain, ["local", "3", "2", "1"]);
    }
    assert_eq!(recorder.events().len(), 2);
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", on = "failure")]
async fn never(id: u8) -> ! {
    assert!(id != 0, "as it was told");
    loop {
        std::future::pending::<()>().await;
    }
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn never_succeeds(id: u8) -> ! {
    never(id).await
}

#[tokio::test]
async fn a_method_that_never_returns_is_recorded_when_it_breaks_off() {
    let recorder = EventRecorder::new();
    let panicked = recorder.scope(std::panic::AssertUnwindSafe(never(0)).catch_unwind()).await;
    assert!(panicked.is_err());
    assert!(recorder.scope(never_succeeds(1)).now_or_never().is_none());
    let outcomes: Vec<_> =
        recorder.events().into_iter().map(|event| event.payload["event_data"]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["panicked", "cancelled"]);
}

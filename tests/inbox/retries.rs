//! Events of keys that wait: their order, their failures and their end.

use std::time::Duration;

use marty_events::{
    inbox::{Claim, Due, Fate, Inbox, InboxDatabase},
    outbox::OutboxPool,
};
use marty_events_tests::wait;
use sqlx::Pool;

use crate::database::{Fixture, LOOK, again, event, failure};

impl<DB: InboxDatabase> Fixture<DB>
where
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    pub(crate) async fn tries_the_first_event_of_a_key_alone(self) {
        let inbox = self.inbox("status-list");
        let later = failure(1, Fate::Retry(Duration::from_hours(1)));
        self.parked(&inbox, &event("later", 1), Some(&later)).await;
        self.parked(&inbox, &event("later", 2), None).await;
        let mut transaction = inbox.begin().await.expect("a transaction");
        let Due::After(Some(pause)) = inbox.next_due(&mut transaction).await.expect("an answer") else {
            panic!("the first event of the key is not due")
        };
        assert!(Duration::from_mins(50) < pause && pause <= Duration::from_hours(1), "{pause:?}");
        drop(transaction);
        self.parked(&inbox, &event("a", 1), Some(&again())).await;
        // A later event of a topic that was made again has a lower offset.
        self.parked(&inbox, &event("a", 0), None).await;
        self.parked(&inbox, &event("b", 1), Some(&again())).await;

        let (first, parked) = self.due(&inbox).await.expect("an event");
        assert_eq!((&*parked.identity.event_id, parked.delivery.attempt), ("a-1", 2));
        if !self.has_one_writer {
            let (second, parked) = self.due(&inbox).await.expect("an event of another key");
            assert_eq!(parked.identity.event_id, "b-1");
            let mut third = inbox.begin().await.expect("a transaction");
            let due = inbox.next_due(&mut third).await.expect("an answer");
            assert!(matches!(due, Due::After(Some(pause)) if pause < Duration::from_secs(1)), "{due:?}");
            second.rollback().await.expect("the rollback");
        }
        first.rollback().await.expect("the rollback");

        let mut handled = Vec::new();
        while let Some(id) = self.handled(&inbox).await {
            handled.push(id);
        }
        assert_eq!(handled, ["a-1", "b-1", "a-0"], "the one behind became due when the first one left");
        let mut transaction = inbox.begin().await.expect("a transaction");
        assert!(inbox.unpark(&mut transaction, parked.id).await.is_err(), "it is gone");
    }

    /// `now()` in its handler would be before the event.
    pub(crate) async fn tries_no_event_that_was_due_after_its_transaction_had_begun(self) {
        let inbox = self.inbox("status-list");
        let mut early = inbox.begin().await.expect("a transaction");
        self.parked(&inbox, &event("k", 1), Some(&again())).await;
        let due = inbox.next_due(&mut early).await.expect("an answer");
        assert!(matches!(due, Due::After(Some(_))), "{due:?}");
        early.rollback().await.expect("the rollback");
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-1"));
    }

    pub(crate) async fn writes_failures_down(self) {
        let inbox = self.inbox("status-list");
        self.parked(&inbox, &event("k", 1), Some(&again())).await;
        self.parked(&inbox, &event("k", 2), None).await;
        let (transaction, parked) = self.due(&inbox).await.expect("an event");
        transaction.rollback().await.expect("the rollback");
        let id = parked.id;
        let write = async |attempts, fate| inbox.fail(id, &failure(attempts, fate)).await.expect("it is written");
        assert!(!write(1, Fate::Retry(Duration::ZERO)).await, "that one is known");
        assert!(write(2, Fate::Retry(Duration::from_hours(1))).await);
        for fate in [Fate::Bury, Fate::Hold] {
            assert!(!write(2, fate).await, "another process was faster");
        }
        assert!(self.due(&inbox).await.is_none(), "it has a pause, and the other one is behind it");
        assert!(write(3, Fate::Retry(Duration::ZERO)).await);
        let (transaction, parked) = self.due(&inbox).await.expect("an event");
        assert_eq!((parked.id, parked.delivery.attempt), (id, 4));
        transaction.rollback().await.expect("the rollback");
        assert!(write(4, Fate::Bury).await);
        for fate in [Fate::Bury, Fate::Hold, Fate::Retry(Duration::ZERO)] {
            assert!(!write(5, fate).await, "it is dead");
        }
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-2"), "its key goes on");
        assert!(!inbox.fail(id + 100, &again()).await.expect("an answer"), "there is no such event");
        let stats = inbox.stats().await.expect("the counts");
        assert_eq!((stats.parked, stats.parked_keys, stats.dead_letters), (0, 0, 1));
    }

    /// The event is parked behind the first one, and commits while that one's handler still has it; then it commits before the first one does.
    pub(crate) async fn gives_an_event_a_time_that_was_parked_while_the_first_one_left(self) {
        if self.has_one_writer {
            return;
        }
        let inbox = self.inbox("status-list");
        for (round, is_open) in [false, true].into_iter().enumerate() {
            let key = format!("k-{round}");
            self.parked(&inbox, &event(&key, 1), Some(&again())).await;
            let (mut handler, parked) = self.due(&inbox).await.expect("an event");
            let (delivery, identity) = event(&key, 2);
            let mut lane = inbox.begin().await.expect("a transaction");
            assert_eq!(inbox.claim(&mut lane, &delivery, &identity).await.expect("an answer"), Claim::Behind);
            if is_open {
                // The first one leaves between the two statements.
                inbox.unpark(&mut handler, parked.id).await.expect("it leaves");
                handler.commit().await.expect("the commit");
                inbox.park(&mut lane, &delivery, &identity, None).await.expect("it is parked");
                lane.commit().await.expect("the commit");
            } else {
                let park = inbox.park(&mut lane, &delivery, &identity, None);
                wait::answer(LOOK, "it is parked, and waits for nobody", park).await.expect("it is parked");
                inbox.unpark(&mut handler, parked.id).await.expect("it leaves");
                lane.commit().await.expect("the commit");
                handler.commit().await.expect("the commit");
            }
            assert_eq!(self.handled(&inbox).await, Some(format!("{key}-2")));
        }
        // An event that is parked behind one that nobody has: the first one cannot leave until the commit.
        self.parked(&inbox, &event("k", 1), Some(&again())).await;
        let (delivery, identity) = event("k", 2);
        let mut lane = inbox.begin().await.expect("a transaction");
        assert_eq!(inbox.claim(&mut lane, &delivery, &identity).await.expect("an answer"), Claim::Behind);
        inbox.park(&mut lane, &delivery, &identity, None).await.expect("it is parked");
        assert!(self.due(&inbox).await.is_none(), "the lane has the first one's lock");
        lane.commit().await.expect("the commit");
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-1"));
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-2"));
    }

    /// Nobody could lock the first one when the second one was parked, so both have a time.
    pub(crate) async fn never_tries_an_event_before_one_in_front_of_it_that_is_being_handled(self) {
        if self.has_one_writer {
            return;
        }
        let inbox = self.inbox("status-list");
        self.parked(&inbox, &event("k", 1), Some(&again())).await;
        let (handler, _) = self.due(&inbox).await.expect("an event");
        self.parked(&inbox, &event("k", 2), None).await;
        assert!(self.due(&inbox).await.is_none(), "the first one's handler is at work");
        handler.rollback().await.expect("the rollback");
        for id in ["k-1", "k-2"] {
            assert_eq!(self.handled(&inbox).await.as_deref(), Some(id));
        }
    }

    /// The event is parked behind the first one, and commits while that one's last failure is being written down.
    pub(crate) async fn gives_an_event_a_time_that_was_parked_while_the_first_one_died(self) {
        if self.has_one_writer {
            return;
        }
        let inbox = self.inbox("status-list");
        self.parked(&inbox, &event("k", 1), Some(&again())).await;
        let (transaction, parked) = self.due(&inbox).await.expect("an event");
        transaction.rollback().await.expect("the rollback");
        let (delivery, identity) = event("k", 2);
        let mut lane = inbox.begin().await.expect("a transaction");
        assert_eq!(inbox.claim(&mut lane, &delivery, &identity).await.expect("an answer"), Claim::Behind);
        inbox.park(&mut lane, &delivery, &identity, None).await.expect("it is parked");
        let death = tokio::spawn({
            let inbox = inbox.clone();
            async move { inbox.fail(parked.id, &failure(2, Fate::Bury)).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!death.is_finished(), "it waits for the one that is being parked");
        lane.commit().await.expect("the commit");
        assert!(death.await.expect("no panic").expect("it is written"));
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-2"));
    }

    pub(crate) async fn holds_a_key_until_its_letter_is_dealt_with(self) {
        let inbox = self.inbox("status-list");
        for key in ["requeued", "discarded"] {
            self.parked(&inbox, &event(key, 1), Some(&again())).await;
            let (transaction, parked) = self.due(&inbox).await.expect("an event");
            transaction.rollback().await.expect("the rollback");
            assert!(inbox.fail(parked.id, &failure(2, Fate::Hold)).await.expect("it is written"));
            self.parked(&inbox, &event(key, 2), None).await;
            self.parked(&inbox, &event(key, 3), None).await;
            assert!(self.due(&inbox).await.is_none(), "the key is held");
            let stats = inbox.stats().await.expect("the counts");
            assert_eq!((stats.parked, stats.parked_keys, stats.dead_letters), (2, 1, 1));
            let expected = if key == "requeued" {
                assert_eq!(self.repository.requeue(&[parked.id]).await.expect("it is requeued"), 1);
                vec![format!("{key}-1"), format!("{key}-2"), format!("{key}-3")]
            } else {
                assert_eq!(self.repository.discard(&[parked.id]).await.expect("it is discarded"), 1);
                vec![format!("{key}-2"), format!("{key}-3")]
            };
            for id in expected {
                assert_eq!(self.handled(&inbox).await, Some(id));
            }
            assert!(self.due(&inbox).await.is_none());
            assert_eq!(self.claimed(&inbox, &event(key, 1)).await, Claim::Duplicate);
        }
    }

    pub(crate) async fn forgets_in_steps_and_keeps_what_is_parked(self) {
        let (inbox, other) = (self.inbox("status-list"), self.inbox("other"));
        for number in 0..25 {
            self.claimed(&inbox, &event("k", number)).await;
        }
        self.claimed(&other, &event("k", 0)).await;
        self.parked(&inbox, &event("k", 100), Some(&failure(3, Fate::Bury))).await;
        self.parked(&inbox, &event("k", 101), Some(&again())).await;
        self.parked(&inbox, &event("k", 102), None).await;
        assert_eq!(inbox.forget(Duration::from_hours(1), 100).await.expect("nothing"), 0);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let age = Duration::from_millis(5);
        let mut steps = Vec::new();
        while let done @ 1.. = inbox.forget(age, 10).await.expect("a step") {
            steps.push(done);
        }
        assert_eq!(steps, [10, 10, 5]);
        for number in [100, 101, 102] {
            assert_eq!(self.claimed(&inbox, &event("k", number)).await, Claim::Duplicate, "{number}");
        }
        assert_eq!(self.claimed(&other, &event("k", 0)).await, Claim::Duplicate);
        assert_eq!(self.claimed(&inbox, &event("l", 0)).await, Claim::Taken);
        // Somebody deletes the first event of a key by hand.
        self.run("DELETE FROM event_inbox_parked WHERE event_id = 'k-101'").await;
        assert!(self.due(&inbox).await.is_none());
        assert_eq!(inbox.forget(Duration::MAX, 10).await.expect("nothing"), 0, "an age that no clock has");
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-102"));
    }
}

//! Operators look at dead letters and keys, and repair them.

use std::{collections::BTreeMap, time::Duration};

use marty_events::{
    EventError,
    inbox::{Claim, Fate, Inbox, InboxDatabase, InboxQuery, InboxRepository, InboxTable, migrate_table},
    outbox::OutboxPool,
};
use sqlx::Pool;

use crate::database::{Fixture, TOPIC, again, event, failure};

impl<DB: InboxDatabase> Fixture<DB>
where
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    async fn letters(&self, query: InboxQuery) -> Vec<String> {
        let letters = self.repository.dead_letters(query).await.expect("the letters");
        letters.into_iter().map(|letter| letter.event_id).collect()
    }

    pub(crate) async fn puts_a_letter_back_at_its_old_place(self) {
        let inbox = self.inbox("status-list");
        self.parked(&inbox, &event("k", 1), Some(&failure(3, Fate::Bury))).await;
        self.parked(&inbox, &event("k", 2), Some(&failure(3, Fate::Bury))).await;
        self.parked(&inbox, &event("k", 3), Some(&again())).await;
        self.parked(&inbox, &event("k", 4), None).await;
        let letters = self.repository.dead_letters(InboxQuery::default()).await.expect("the letters");
        let ids: Vec<i64> = letters.iter().rev().map(|letter| letter.id).collect();
        assert_eq!(self.repository.requeue(&ids).await.expect("they are requeued"), 2);
        assert_eq!(self.repository.requeue(&ids).await.expect("they wait already"), 0);
        assert_eq!(self.repository.discard(&ids).await.expect("they wait"), 0);
        assert_eq!(self.repository.requeue(&[]).await.expect("none"), 0);
        let (transaction, parked) = self.due(&inbox).await.expect("an event");
        assert_eq!((&*parked.identity.event_id, parked.delivery.attempt), ("k-1", 1), "its attempts begin anew");
        transaction.rollback().await.expect("the rollback");
        for number in 1..=4 {
            assert_eq!(self.handled(&inbox).await, Some(format!("k-{number}")));
        }

        if !self.has_one_writer {
            // A handler has a later event of the key just now.
            self.parked(&inbox, &event("k", 5), Some(&failure(3, Fate::Bury))).await;
            self.parked(&inbox, &event("k", 6), Some(&again())).await;
            self.parked(&inbox, &event("k", 7), None).await;
            let (mut handler, parked) = self.due(&inbox).await.expect("an event");
            assert_eq!(parked.identity.event_id, "k-6");
            let letter = self.repository.dead_letters(InboxQuery::default()).await.expect("the letters").remove(0);
            let requeue = tokio::spawn({
                let repository = self.repository.clone();
                async move { repository.requeue(&[letter.id]).await }
            });
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!requeue.is_finished(), "it waits for the handler");
            inbox.unpark(&mut handler, parked.id).await.expect("it leaves");
            handler.commit().await.expect("the commit");
            assert_eq!(requeue.await.expect("the operator").expect("it is requeued"), 1);
            for id in ["k-5", "k-7"] {
                assert_eq!(self.handled(&inbox).await.as_deref(), Some(id));
            }
        }
        assert_eq!(inbox.stats().await.expect("the counts").parked, 0);
    }

    /// The event before it leaves while a requeue waits: nobody may take the next one beside the letter that comes back.
    pub(crate) async fn puts_a_letter_back_while_the_next_event_becomes_due(self) {
        if self.has_one_writer {
            return;
        }
        let inbox = self.inbox("status-list");
        for key in ["k", "a"] {
            self.parked(&inbox, &event(key, 5), Some(&failure(3, Fate::Bury))).await;
            self.parked(&inbox, &event(key, 6), Some(&again())).await;
            self.parked(&inbox, &event(key, 7), None).await;
        }
        // Both keys have a handler at work, and the requeue waits for the one and then for the other.
        let (mut first, parked) = self.due(&inbox).await.expect("an event");
        let (mut other, beside) = self.due(&inbox).await.expect("an event of the other key");
        assert_eq!((&*parked.identity.event_id, &*beside.identity.event_id), ("k-6", "a-6"));
        let letters = self.repository.dead_letters(InboxQuery::default()).await.expect("the letters");
        let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
        let requeue = tokio::spawn({
            let repository = self.repository.clone();
            async move { repository.requeue(&ids).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!requeue.is_finished(), "it waits for the handlers");
        inbox.unpark(&mut first, parked.id).await.expect("it leaves");
        first.commit().await.expect("the commit");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let between = self.due(&inbox).await;
        inbox.unpark(&mut other, beside.id).await.expect("it leaves");
        other.commit().await.expect("the commit");
        if let Some((mut handler, next)) = between {
            // It came before the requeue, which waits for it in turn.
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!requeue.is_finished(), "{} runs beside the letter before it", next.identity.event_id);
            inbox.unpark(&mut handler, next.id).await.expect("it leaves");
            handler.commit().await.expect("the commit");
        }
        assert_eq!(requeue.await.expect("the operator").expect("they are requeued"), 2);
        let mut handled = BTreeMap::<_, Vec<String>>::new();
        while let Some(id) = self.handled(&inbox).await {
            handled.entry(id.chars().next()).or_default().push(id);
        }
        for (key, ids) in handled {
            assert!(ids[0].ends_with('5') && ids.is_sorted(), "{key:?}: {ids:?}");
        }
        assert_eq!(inbox.stats().await.expect("the counts").parked, 0);
    }

    pub(crate) async fn lets_a_key_go_on_whose_letter_is_discarded_while_an_event_is_parked_behind_it(self) {
        if self.has_one_writer {
            return;
        }
        let inbox = self.inbox("status-list");
        self.parked(&inbox, &event("k", 1), Some(&failure(3, Fate::Hold))).await;
        let letter = self.repository.dead_letters(InboxQuery::default()).await.expect("the letters").remove(0);
        let (delivery, identity) = event("k", 2);
        let mut lane = inbox.begin().await.expect("a transaction");
        assert_eq!(inbox.claim(&mut lane, &delivery, &identity).await.expect("an answer"), Claim::Behind);
        inbox.park(&mut lane, &delivery, &identity, None).await.expect("it is parked");
        let discard = tokio::spawn({
            let repository = self.repository.clone();
            async move { repository.discard(&[letter.id]).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!discard.is_finished(), "it waits for the one that is being parked");
        lane.commit().await.expect("the commit");
        assert_eq!(discard.await.expect("the operator").expect("it is discarded"), 1);
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-2"));
    }

    pub(crate) async fn shows_letters_keys_and_groups(self) {
        let (one, other) = (self.inbox("one"), self.inbox("other"));
        assert_eq!(self.repository.groups().await.expect("none"), []);
        self.claimed(&self.inbox("a group without parked events"), &event("k", 1)).await;
        for number in 0..5 {
            self.parked(&one, &event("a", number), Some(&failure(3, Fate::Bury))).await;
        }
        let mut typed = event("b", 1);
        typed.0.topic = "marty.suite.other".into();
        typed.0.headers = vec![("ce_type".to_owned(), b"other".to_vec())];
        self.parked(&one, &typed, Some(&failure(4, Fate::Hold))).await;
        self.parked(&one, &event("c", 1), Some(&failure(1, Fate::Retry(Duration::from_mins(1))))).await;
        self.parked(&one, &event("c", 2), None).await;
        self.parked(&other, &event("a", 0), Some(&failure(5, Fate::Bury))).await;

        let groups = self.repository.groups().await.expect("the groups");
        let told: Vec<_> = groups
            .iter()
            .map(|found| (&*found.group, found.stats.parked, found.stats.parked_keys, found.stats.dead_letters))
            .collect();
        assert_eq!(told, [("a group without parked events", 0, 0, 0), ("one", 2, 2, 6), ("other", 0, 0, 1)]);
        assert_eq!(groups[1].stats, one.stats().await.expect("the counts"));
        let held = self.repository.dead_letters(InboxQuery::default().held()).await.expect("the letter").remove(0);
        assert_eq!(groups[1].stats.oldest_parked, Some(held.parked_at), "a key that a letter holds waits too");
        assert_eq!(groups[2].stats.oldest_parked, None, "no key waits for this one");
        let json = serde_json::to_value(&groups[2]).expect("JSON");
        assert_eq!((&json["group"], &json["dead_letters"]), (&"other".into(), &1.into()), "{json}");

        let keys = self.repository.parked_keys("one", 10).await.expect("the keys");
        let told: Vec<_> = keys.iter().map(|key| (&*key.key, key.waiting, key.is_held, key.attempts)).collect();
        assert_eq!(told, [("b", 0, true, 4), ("c", 2, false, 1)]);
        assert_eq!((keys[0].due_at, keys[1].reason.as_deref()), (None, Some("the reason 1")));
        assert!(keys[1].due_at > Some(keys[1].parked_at), "{keys:?}");
        assert_eq!(self.repository.parked_keys("one", 1).await.expect("a key").len(), 1);
        assert_eq!((groups[1].due_at, groups[2].due_at), (keys[1].due_at, None), "the next try of a group");
        let events = self.repository.parked_events(keys[1].first, 10).await.expect("the events of a key");
        let told: Vec<_> = events.iter().map(|event| (&*event.event_id, event.attempts, event.due_at)).collect();
        assert_eq!(told, [("c-1", 1, keys[1].due_at), ("c-2", 0, None)]);
        assert_eq!((events[0].reason.as_deref(), events[1].reason.as_deref()), (Some("the reason 1"), None));
        assert_eq!(self.repository.parked_events(events[1].id, 1).await.expect("by any of them"), events[..1]);
        let held = self.repository.parked_events(keys[0].first, 10).await.expect("the letter that holds the key");
        assert_eq!((held.len(), held[0].is_held, held[0].event_type.as_deref()), (1, true, Some("other")));
        assert_eq!(self.repository.parked_events(0, 10).await.expect("no such key"), []);

        let all = InboxQuery::default;
        assert_eq!(self.letters(all().group("one")).await, ["a-0", "a-1", "a-2", "a-3", "a-4", "b-1"]);
        assert_eq!(self.letters(all().topic(TOPIC).limit(2)).await, ["a-0", "a-1"]);
        assert_eq!(self.letters(all().topic(TOPIC.to_uppercase())).await, [""; 0]);
        assert_eq!(self.letters(all().held()).await, ["b-1"]);
        assert_eq!(self.letters(all().reason("the reason 5")).await, ["a-0"]);
        assert_eq!(self.letters(all().event_id("a-3").group("one")).await, ["a-3"]);
        assert_eq!(self.letters(all().older_than(Duration::from_hours(1))).await, [""; 0]);
        assert_eq!(self.repository.count_dead_letters(&all().limit(1)).await.expect("a count"), 7);
        let page = self.repository.dead_letters(all().group("one").limit(4)).await.expect("a page");
        assert_eq!(self.letters(all().group("one").after(page[3].id)).await, ["a-4", "b-1"]);
        let held = self.repository.dead_letters(all().held().without_value()).await.expect("a letter").remove(0);
        assert_eq!((held.value.as_ref(), held.value_bytes, held.attempts), (None, 2, 4));
        assert_eq!((held.event_type.as_deref(), &*held.reason, held.is_held), (Some("other"), "the reason 4", true));
        assert!(held.parked_at <= held.died_at);
        let json = serde_json::to_value(&held).expect("JSON");
        assert_eq!((&json["event_id"], json.get("headers"), json.get("value")), (&"b-1".into(), None, None), "{json}");
    }

    pub(crate) async fn forgets_the_events_that_an_operator_names(self) {
        let (one, other) = (self.inbox("one"), self.inbox("other"));
        for number in 0..3 {
            self.claimed(&one, &event("a", number)).await;
            self.claimed(&other, &event("a", number)).await;
        }
        self.parked(&one, &event("b", 0), Some(&failure(3, Fate::Bury))).await;
        self.parked(&one, &event("c", 0), Some(&again())).await;
        let ids = ["a-0", "a-2", "A-1", "b-0", "c-0", "no such"].map(str::to_owned);
        assert_eq!(self.repository.forget("one", &ids).await.expect("two are forgotten"), 2);
        assert_eq!(self.repository.forget("one", &ids).await.expect("they are unknown"), 0);
        assert_eq!(self.repository.forget("one", &[]).await.expect("none"), 0);
        for (inbox, number, claim) in [
            (&one, 0, Claim::Taken),
            (&one, 1, Claim::Duplicate),
            (&one, 2, Claim::Taken),
            (&other, 0, Claim::Duplicate),
        ] {
            assert_eq!(self.claimed(inbox, &event("a", number)).await, claim, "a-{number}");
        }
        assert_eq!(self.claimed(&one, &event("b", 0)).await, Claim::Duplicate, "a dead letter is known");
    }

    pub(crate) async fn says_what_is_missing(self) {
        let elsewhere: InboxTable = "elsewhere".parse().expect("a name");
        let repository = InboxRepository::new(&self.pool).table(elsewhere.clone());
        let error = repository.validate().await.expect_err("no such tables");
        assert!(matches!(error, EventError::InboxTableMissing { .. }), "{error:?}");
        let error = repository.dead_letters(InboxQuery::default()).await.expect_err("no such tables");
        assert!(matches!(error, EventError::InboxTableMissing { .. }), "{error:?}");
        assert!(!error.is_retryable());
        migrate_table(&self.pool, &elsewhere).await.expect("the tables");
        repository.validate().await.expect("now they are there");
        let mut long = event("k", 1);
        long.1.event_id = "x".repeat(256);
        let inbox = self.inbox("status-list");
        let mut transaction = inbox.begin().await.expect("a transaction");
        let error = inbox.claim(&mut transaction, &long.0, &long.1).await.expect_err("too long");
        assert!(matches!(error, EventError::InvalidEvent { .. }), "{error:?}");
        drop(transaction);
        self.run("DROP TABLE event_inbox_parked").await;
        self.run("CREATE VIEW event_inbox_parked AS SELECT * FROM elsewhere_parked").await;
        let error = self.repository.validate().await.expect_err("it is a view");
        assert!(matches!(error, EventError::InboxUnfit { .. } | EventError::InboxRefused { .. }), "{error:?}");
    }
}

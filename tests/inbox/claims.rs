//! Taking events: each once a group, whoever else would take it.

use std::time::Duration;

use marty_events::{
    inbox::{Claim, Committed, Fate, Inbox, InboxDatabase},
    outbox::OutboxPool,
};
use marty_events_tests::wait;
use sqlx::Pool;

use crate::database::{Fixture, LOOK, again, event, failure};

impl<DB: InboxDatabase> Fixture<DB>
where
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    pub(crate) async fn tells_new_events_from_those_that_it_knows(self) {
        let inbox = self.inbox("status-list");
        assert_eq!(self.claimed(&inbox, &event("k", 1)).await, Claim::Taken);
        assert_eq!(self.claimed(&inbox, &event("k", 1)).await, Claim::Duplicate);
        // A failed handler takes the row along.
        let mut undone = inbox.begin().await.expect("a transaction");
        let (delivery, identity) = event("k", 2);
        assert_eq!(inbox.claim(&mut undone, &delivery, &identity).await.expect("an answer"), Claim::Taken);
        assert_eq!(inbox.claim(&mut undone, &delivery, &identity).await.expect("an answer"), Claim::Duplicate);
        undone.rollback().await.expect("the rollback");
        self.parked(&inbox, &event("k", 2), Some(&again())).await;
        assert_eq!(self.claimed(&inbox, &event("k", 2)).await, Claim::Duplicate);
        assert_eq!(self.claimed(&inbox, &event("k", 3)).await, Claim::Behind);
        assert_eq!(self.claimed(&inbox, &event("k", 3)).await, Claim::Duplicate);
        assert_eq!(self.claimed(&inbox, &event("l", 1)).await, Claim::Taken);
        assert_eq!(self.handled(&inbox).await.as_deref(), Some("k-2"));
        assert_eq!(self.claimed(&inbox, &event("k", 2)).await, Claim::Duplicate, "its row stays");
        assert_eq!(self.claimed(&inbox, &event("k", 4)).await, Claim::Taken);
        // A dead letter lets its key go on.
        self.parked(&inbox, &event("k", 5), Some(&failure(3, Fate::Bury))).await;
        assert_eq!(self.claimed(&inbox, &event("k", 6)).await, Claim::Taken);
        // One that holds its key does not.
        self.parked(&inbox, &event("k", 7), Some(&failure(3, Fate::Hold))).await;
        assert_eq!(self.claimed(&inbox, &event("k", 8)).await, Claim::Behind);
    }

    pub(crate) async fn keeps_groups_keys_and_topics_apart(self) {
        let (one, other) = (self.inbox("one"), self.inbox("other"));
        self.parked(&one, &event("k", 1), Some(&again())).await;
        assert_eq!(self.claimed(&other, &event("k", 1)).await, Claim::Taken);
        assert!(self.due(&other).await.is_none());
        let mut elsewhere = event("k", 2);
        elsewhere.0.topic = "marty.suite.other".into();
        assert_eq!(self.claimed(&one, &elsewhere).await, Claim::Taken);
        assert_eq!(self.claimed(&one, &event("k", 3)).await, Claim::Behind);
        // The same for batches.
        self.parked(&one, &event("dead", 1), Some(&failure(3, Fate::Bury))).await;
        "k-4".clone_into(&mut elsewhere.1.event_id);
        let events = [elsewhere, event("dead", 2), event("l", 1), event("k", 5)];
        let events: Vec<_> = events.iter().map(|(delivery, identity)| (delivery, identity)).collect();
        for (inbox, last) in [(&one, Claim::Behind), (&other, Claim::Taken)] {
            let mut transaction = inbox.begin().await.expect("a transaction");
            let claims = inbox.claim_all(&mut transaction, &events).await.expect("the answers");
            assert_eq!(claims, [Claim::Taken, Claim::Taken, Claim::Taken, last]);
        }
    }

    /// A transaction may take several events, as a batch does after a wait. A server, a database or a user may have another default level.
    pub(crate) async fn sees_the_events_that_wait_by_then_whatever_the_default_level(self) {
        let strict = self.with_another_default_level().await;
        let inbox = strict.inbox("status-list");
        let mut lane = inbox.begin().await.expect("a transaction");
        let (delivery, identity) = event("other", 1);
        assert_eq!(inbox.claim(&mut lane, &delivery, &identity).await.expect("an answer"), Claim::Taken);
        if self.has_one_writer {
            drop(lane);
            // It may write from the beginning, and nobody else may.
            let first = inbox.begin().await.expect("a transaction");
            let mut other = self.pool.acquire().await.expect("a connection");
            let write = "PRAGMA busy_timeout = 0; DELETE FROM event_inbox";
            (self.statements.execute)(&mut other, write.to_owned()).await.expect_err("the other one has the lock");
            return first.rollback().await.expect("the rollback");
        }
        self.parked(&self.inbox("status-list"), &event("k", 1), Some(&again())).await;
        let (delivery, identity) = event("k", 2);
        assert_eq!(inbox.claim(&mut lane, &delivery, &identity).await.expect("an answer"), Claim::Behind);
        lane.rollback().await.expect("the rollback");
    }

    /// A twin waits for the first one's transaction, and its answer is that one's outcome. This is what keeps a paused owner of a partition
    /// and its successor from having the effect twice.
    pub(crate) async fn answers_by_the_outcome_of_another_transaction(self) {
        for (number, commits, parks) in [(1, true, false), (2, false, false), (3, true, true)] {
            let inbox = self.inbox("status-list");
            let (delivery, identity) = event("k", number);
            let mut first = inbox.begin().await.expect("a transaction");
            assert_eq!(inbox.claim(&mut first, &delivery, &identity).await.expect("an answer"), Claim::Taken);
            if parks {
                inbox.park(&mut first, &delivery, &identity, Some(&again())).await.expect("it is parked");
            }
            let twin = tokio::spawn({
                let (inbox, delivery, identity) = (inbox.clone(), delivery.clone(), identity.clone());
                async move {
                    let mut transaction = inbox.begin().await.expect("a transaction");
                    let claim = inbox.claim(&mut transaction, &delivery, &identity).await.expect("an answer");
                    transaction.commit().await.expect("the commit");
                    claim
                }
            });
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!twin.is_finished(), "it waits");
            if commits {
                first.commit().await.expect("the commit");
            } else {
                first.rollback().await.expect("the rollback");
            }
            let answer = twin.await.expect("the twin");
            assert_eq!(answer, if commits { Claim::Duplicate } else { Claim::Taken }, "{number}");
        }
        let inbox = self.inbox("status-list");
        assert_eq!(self.claimed(&inbox, &event("k", 4)).await, Claim::Behind, "the parked row is seen");
    }

    pub(crate) async fn leaves_a_connection_as_it_was_whatever_a_handler_did_with_it(self) {
        let single = self.with_connections(1).await;
        let inbox = single.inbox("status-list");
        let (delivery, identity) = event("k", 1);
        for is_asked in [true, false] {
            let mut transaction = inbox.begin().await.expect("a transaction");
            assert_eq!(inbox.claim(&mut transaction, &delivery, &identity).await.expect("an answer"), Claim::Taken);
            assert!(inbox.is_open(&mut transaction).await.expect("an answer"));
            (self.statements.execute)(&mut transaction, "ROLLBACK".to_owned()).await.expect("the rollback");
            assert!(!is_asked || !inbox.is_open(&mut transaction).await.expect("an answer"));
            inbox.reopen(&mut transaction).await;
            transaction.rollback().await.expect("an end");
        }
        let mut transaction = inbox.begin().await.expect("a transaction");
        assert_eq!(inbox.claim(&mut transaction, &delivery, &identity).await.expect("an answer"), Claim::Taken);
        if DB::NAME == "PostgreSQL" {
            let sql = "SET TRANSACTION READ ONLY".to_owned();
            (self.statements.execute)(&mut transaction, sql).await.expect("the mode");
        }
        match inbox.commit(transaction).await.expect("the commit") {
            Committed::Done => {}
            Committed::Next(mut next) => {
                let (delivery, identity) = event("k", 2);
                assert_eq!(inbox.claim(&mut next, &delivery, &identity).await.expect("an answer"), Claim::Taken);
            }
            Committed::Undone(_) => panic!("it was open"),
        }
        assert_eq!(self.claimed(&inbox, &event("k", 1)).await, Claim::Duplicate);
    }

    pub(crate) async fn takes_many_at_once(self) {
        let inbox = self.inbox("status-list");
        self.parked(&inbox, &event("parked", 1), Some(&again())).await;
        assert_eq!(self.claimed(&inbox, &event("b", 1)).await, Claim::Taken);
        let events =
            [event("z", 1), event("b", 1), event("parked", 2), event("z", 1), event("a", 1), event("parked", 1)];
        let events: Vec<_> = events.iter().map(|(delivery, identity)| (delivery, identity)).collect();
        let mut transaction = inbox.begin().await.expect("a transaction");
        let claims = inbox.claim_all(&mut transaction, &events).await.expect("the answers");
        let expected =
            [Claim::Taken, Claim::Duplicate, Claim::Behind, Claim::Duplicate, Claim::Taken, Claim::Duplicate];
        assert_eq!(claims, expected);
        assert_eq!(inbox.claim_all(&mut transaction, &[]).await.expect("no answers"), []);
        transaction.commit().await.expect("the commit");
        let mut transaction = inbox.begin().await.expect("a transaction");
        let claims = inbox.claim_all(&mut transaction, &events).await.expect("the answers");
        assert_eq!(claims, [Claim::Duplicate; 6]);
        let many: Vec<_> = (0..500).map(|number| event("many", number)).collect();
        let many: Vec<_> = many.iter().map(|(delivery, identity)| (delivery, identity)).collect();
        assert_eq!(inbox.claim_all(&mut transaction, &many).await.expect("the answers"), [Claim::Taken; 500]);
    }

    /// A batch that waits for another owner's event has taken none of those behind it, so that no two batches wait for each other.
    pub(crate) async fn takes_many_in_the_order_of_their_ids(self) {
        if self.has_one_writer {
            return;
        }
        let inbox = self.inbox("status-list");
        let mut other = inbox.begin().await.expect("a transaction");
        let (delivery, identity) = event("m", 1);
        assert_eq!(inbox.claim(&mut other, &delivery, &identity).await.expect("an answer"), Claim::Taken);
        let batch = tokio::spawn({
            let inbox = inbox.clone();
            async move {
                let events: Vec<_> = ('a'..='z').rev().map(|key| event(&key.to_string(), 1)).collect();
                let events: Vec<_> = events.iter().map(|(delivery, identity)| (delivery, identity)).collect();
                let mut transaction = inbox.begin().await.expect("a transaction");
                inbox.claim_all(&mut transaction, &events).await.expect("the answers")
            }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!batch.is_finished(), "it waits");
        for key in 'n'..='z' {
            let mut transaction = inbox.begin().await.expect("a transaction");
            let (delivery, identity) = event(&key.to_string(), 1);
            let claim = inbox.claim(&mut transaction, &delivery, &identity);
            let claim = wait::answer(LOOK, "an event that the batch has not taken", claim).await;
            assert_eq!(claim.expect("an answer"), Claim::Taken);
            transaction.rollback().await.expect("the rollback");
        }
        other.rollback().await.expect("the rollback");
        assert_eq!(batch.await.expect("the batch"), [Claim::Taken; 26]);
    }

    /// Batches in any order do not block each other, and each event is taken by one of them.
    pub(crate) async fn takes_many_at_once_from_two_sides(self) {
        let inbox = self.inbox("status-list");
        let sides = [false, true].map(|is_reversed| {
            let inbox = inbox.clone();
            tokio::spawn(async move {
                let (mut taken, mut conflicts) = (0, 0);
                for round in 0..40 {
                    let mut batch: Vec<_> = (0..20).map(|key| event(&format!("k-{key}"), round)).collect();
                    if is_reversed {
                        batch.reverse();
                    }
                    let batch: Vec<_> = batch.iter().map(|(delivery, identity)| (delivery, identity)).collect();
                    loop {
                        let mut transaction = inbox.begin().await.expect("a transaction");
                        match inbox.claim_all(&mut transaction, &batch).await {
                            Ok(claims) => {
                                transaction.commit().await.expect("the commit");
                                taken += claims.iter().filter(|claim| **claim == Claim::Taken).count();
                                break;
                            }
                            Err(error) if error.is_retryable() => conflicts += 1,
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                }
                (taken, conflicts)
            })
        });
        let [one, other] = sides;
        let ((one, conflicts), (other, others)) = (one.await.expect("a side"), other.await.expect("the other"));
        assert_eq!(one + other, 40 * 20);
        assert_eq!(conflicts + others, 0, "the order of the ids keeps them apart");
    }
}

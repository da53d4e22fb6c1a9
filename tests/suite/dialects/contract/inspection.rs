//! The questions that tools ask an outbox.

use std::time::Duration;

use jiff::Timestamp;
use marty_events::{
    CustomEvent, DomainEvent, OutboxTransaction,
    outbox::{CleanupOptions, DeadLetter, DeadLetterQuery, OutboxPool},
};
use sqlx::{Database, Pool};

use super::Fixture;
use crate::support::events::numbered;

/// As a relay would, after the broker's refusals.
const BURY: [&str; 2] = [
    "INSERT INTO event_outbox_dead_letters (event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers,
        payload, encoding, created_at, attempts, reason)
    SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at, 5,
        'no room' FROM event_outbox",
    "DELETE FROM event_outbox",
];

/// Copies the events as a relay does that keeps delivered ones.
pub(super) const KEEP: &str =
    "INSERT INTO event_outbox_published (event_id, seq, event_type, topic, record_key, ordering_key, key_hash,
        headers, payload, encoding, created_at, attempts)
    SELECT event_id, seq, event_type, topic, record_key, ordering_key, key_hash, headers, payload, encoding, created_at,
        attempts FROM event_outbox";

impl<DB> Fixture<DB>
where
    DB: Database<Connection: OutboxTransaction>,
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    pub(super) async fn bury(&self) {
        for sql in BURY {
            (self.execute)(self.pool.clone(), sql).await;
        }
    }

    /// Dead letters are found by topic, type and age, page by page, with and without their content.
    pub(super) async fn finds_dead_letters_in_pages(self) {
        let mut ids = self.write((0..5).map(|key| numbered(&format!("k-{key}"), 0))).await;
        // Names that differ by the case of a letter are two names in Kafka.
        let other = |name: &str| DomainEvent::new("ledger", "k-9", name);
        let others = self.write([other("Moved"), other("moved")]).await;
        self.bury().await;
        ids.extend(others.clone());

        let all = DeadLetterQuery::default();
        let found = self.outbox.dead_letters(all.clone()).await.expect("dead letters");
        assert_eq!(
            found.iter().map(|dead| dead.event.event_id).collect::<Vec<_>>(),
            ids,
            "in the order of the inserts"
        );
        assert_eq!(self.outbox.count_dead_letters(&all).await.expect("a count"), 7);
        let mut query = DeadLetterQuery::from(3);
        let mut paged = Vec::new();
        for size in [3, 3, 1, 0] {
            let letters = self.outbox.dead_letters(query.clone()).await.expect("a page");
            assert_eq!(letters.len(), size);
            let bare = self.outbox.dead_letters(query.clone().without_payload()).await.expect("the same page");
            for (letter, bare) in letters.iter().zip(&bare) {
                assert!(0 < bare.event.payload_bytes && bare.event.payload.is_empty(), "{bare:?}");
                let mut emptied: DeadLetter = letter.clone();
                emptied.event.payload.clear();
                assert_eq!(&emptied, bare);
                assert_eq!(bare.place().to_string().parse(), Ok(letter.place()));
            }
            assert_eq!(bare.len(), size);
            query = letters.last().map_or(query.clone(), |last| query.clone().after(last.place()));
            paged.extend(letters);
        }
        assert_eq!(paged, found);

        let json = serde_json::to_value(&found[0]).expect("JSON");
        let fields: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        let shown = ["attempts", "created_at", "died_at", "event_id", "event_type", "key", "lane", "ordering_key"];
        let rest = ["payload_bytes", "reason", "redacted", "seq", "topic"];
        assert_eq!(fields, [&shown[..], &rest].concat(), "neither headers nor payload");

        let by_type = DeadLetterQuery::default().event_type("Moved");
        let by_topic = DeadLetterQuery::default().topic(found[0].event.topic.clone());
        let old = DeadLetterQuery::default().older_than(Duration::from_hours(1));
        let recent = DeadLetterQuery::default().older_than(Duration::ZERO).event_type("moved");
        for (query, count) in [(by_type, 1), (by_topic, 5), (old, 0), (recent, 6)] {
            assert_eq!(self.outbox.count_dead_letters(&query).await.expect("a count"), count, "{query:?}");
            let found = self.outbox.dead_letters(query.clone()).await.expect("dead letters");
            assert_eq!(found.len() as u64, count, "{query:?}");
        }
        for deleted in [4, 3, 0] {
            let step = CleanupOptions::older_than(Duration::ZERO).limit(4);
            assert_eq!(self.outbox.cleanup(step).await.expect("a step"), deleted);
        }
    }

    /// One that cannot be read does not hide the others, and is requeued and discarded as they are.
    pub(super) async fn lists_dead_letters_that_cannot_be_read(self) {
        let ids = self.write(["broken", "newer", "whole"].map(|key| numbered(key, 0))).await;
        self.bury().await;
        for sql in [
            "UPDATE event_outbox_dead_letters SET headers = '[[\"ce_id\"' WHERE record_key = 'broken'",
            "UPDATE event_outbox_dead_letters SET encoding = 9 WHERE record_key = 'newer'",
        ] {
            (self.execute)(self.pool.clone(), sql).await;
        }
        let listed = self.outbox.dead_letters(10).await.expect("dead letters");
        assert_eq!(listed.iter().map(|dead| dead.event.event_id).collect::<Vec<_>>(), ids);
        let problems: Vec<_> = listed.iter().map(|dead| dead.problem.as_deref().unwrap_or_default()).collect();
        assert!(problems[0].starts_with("headers: ") && problems[1].starts_with("encoding 9 "), "{problems:?}");
        assert!(problems[2].is_empty() && !listed[2].event.headers.is_empty(), "{problems:?}");
        for dead in &listed {
            assert!(!dead.event.payload.is_empty() && dead.reason == "no room", "{dead:?}");
            let alone = self.outbox.dead_letter(dead.event.event_id).await.expect("a look");
            assert_eq!(alone.as_ref(), Some(dead));
        }
        let light = self.outbox.dead_letters(DeadLetterQuery::from(10).without_payload()).await.expect("dead letters");
        let told = |dead: &DeadLetter| (dead.place(), dead.problem.clone());
        assert!(light.iter().map(told).eq(listed.iter().map(told)), "{light:?}");
        assert_eq!(self.outbox.requeue(&ids[1..2]).await.expect("it is brought back"), 1);
        assert_eq!(self.outbox.discard(&ids[..1]).await.expect("it is deleted"), 1);
        assert_eq!(self.outbox.dead_letters(10).await.expect("dead letters"), listed[2..]);
    }

    /// Waiting events are listed from any place on. Delivered events that were kept are counted and deleted in steps.
    pub(super) async fn shows_what_waits_and_forgets_in_steps(self) {
        assert_eq!(self.outbox.last_pending().await.expect("a look"), None);
        self.write((0..5).map(|key| numbered(&format!("k-{key}"), 0))).await;
        let mut transaction = self.pool.begin().await.expect("a transaction");
        let custom = CustomEvent::new("ledger", "posted");
        let last = self.publisher.publish_in(&mut transaction, custom).await.expect("it is written");
        transaction.commit().await.expect("the commit");
        let pending = self.outbox.pending_after(i64::MIN, 100).await.expect("what waits");
        assert_eq!(pending, self.outbox.pending(100).await.expect("the same"));
        let rest = self.outbox.pending_after(pending[3].seq, 100).await.expect("what waits");
        assert_eq!(rest, pending[4..]);
        assert_eq!(rest[1].event_id, last);
        assert_eq!(self.outbox.last_pending().await.expect("a look"), Some(rest[1].seq));
        let mut topics = vec![pending[0].topic.clone(), format!("{}.ledger", self.prefix)];
        topics.sort_unstable();
        assert_eq!(self.outbox.topics().await.expect("topics"), topics);
        let skew = self.outbox.clock().await.expect("a time").duration_since(Timestamp::now());
        assert!(skew.abs() < jiff::SignedDuration::from_mins(5), "{skew}");

        (self.execute)(self.pool.clone(), KEEP).await;
        let hour = Duration::from_hours(1);
        assert_eq!(self.outbox.count_published(hour).await.expect("a count"), 0);
        assert_eq!(self.outbox.forget_published(hour, 100).await.expect("a step"), 0);
        assert_eq!(self.outbox.count_published(Duration::ZERO).await.expect("a count"), 6);
        for deleted in [4, 2, 0] {
            assert_eq!(self.outbox.forget_published(Duration::ZERO, 4).await.expect("a step"), deleted);
        }
        self.bury().await;
        assert_eq!(self.outbox.topics().await.expect("topics"), topics, "those of dead letters too");
    }
}

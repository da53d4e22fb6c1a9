//! The questions that a page for people asks an outbox.

use marty_events::{
    DomainEvent, OutboxTransaction,
    outbox::{
        DeadLetterQuery,
        EventPlace::{Dead, Delivered, Waiting},
        OutboxPool,
    },
};
use sqlx::{Database, Pool};

use super::{Fixture, inspection::KEEP};
use crate::support::events::numbered;

impl<DB> Fixture<DB>
where
    DB: Database<Connection: OutboxTransaction>,
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    /// Dead letters are grouped by topic, type and reason. A redacted letter is counted, and left out where it is asked.
    pub(super) async fn groups_dead_letters(self) {
        let moved = |name: &str| DomainEvent::new("ledger", "k-9", name);
        let mut ids = self.write((0..3).map(|key| numbered(&format!("k-{key}"), 0))).await;
        // Names that differ by the case of a letter are two names in Kafka.
        ids.extend(self.write([moved("Moved"), moved("moved")]).await);
        self.bury().await;
        let sql = "UPDATE event_outbox_dead_letters SET reason = 'No Room'
            WHERE seq = (SELECT * FROM (SELECT max(seq) FROM event_outbox_dead_letters) AS last)";
        (self.execute)(self.pool.clone(), sql).await;
        assert_eq!(self.outbox.redact(&ids[..1]).await.expect("it is emptied"), 1);

        let groups = self.outbox.dead_letter_groups(10).await.expect("groups");
        let told: Vec<_> = groups.iter().map(|group| (group.letters, group.redacted, group.reason.as_str())).collect();
        assert_eq!(told, [(3, 1, "no room"), (1, 0, "no room"), (1, 0, "No Room")]);
        assert_eq!((groups[1].event_type.as_str(), groups[2].event_type.as_str()), ("Moved", "moved"));
        let letters = self.outbox.dead_letters(10).await.expect("dead letters");
        let died = |letters: &[marty_events::outbox::DeadLetter]| letters.iter().map(|letter| letter.died_at).max();
        assert_eq!(died(&letters[..3]), Some(groups[0].last_died_at));
        assert!(groups[0].first_died_at <= groups[0].last_died_at);
        let largest = self.outbox.dead_letter_groups(1).await.expect("groups");
        assert_eq!(largest, groups[..1]);

        let by_reason = DeadLetterQuery::default().reason("no room");
        let requeueable = by_reason.clone().requeueable();
        for (query, count) in [(by_reason, 4), (requeueable, 3), (DeadLetterQuery::default().reason("no"), 0)] {
            assert_eq!(self.outbox.count_dead_letters(&query).await.expect("a count"), count, "{query:?}");
            let letters = self.outbox.dead_letters(query.clone()).await.expect("dead letters");
            assert_eq!(letters.len() as u64, count, "{query:?}");
            let groups = self.outbox.dead_letter_groups(query.clone()).await.expect("groups");
            assert_eq!(groups.iter().map(|group| group.letters).sum::<u64>(), count, "{query:?}");
        }
    }

    /// Waiting events are grouped by topic and key with the reason why they wait, and found by id or key in every place.
    pub(super) async fn finds_events_and_the_keys_that_wait(self) {
        let ids = self.write(["k-1", "k-2", "k-1", "K-1"].map(|key| numbered(key, 0))).await;
        for sql in [
            "UPDATE event_outbox SET attempts = 2, last_error = 'refused' WHERE seq = (SELECT * FROM (SELECT min(seq) FROM event_outbox) AS first)",
            "UPDATE event_outbox SET encoding = 9 WHERE record_key = 'k-2'",
        ] {
            (self.execute)(self.pool.clone(), sql).await;
        }
        let keys = self.outbox.waiting_keys(100, 10).await.expect("keys");
        let told: Vec<_> = keys
            .iter()
            .map(|key| {
                (key.ordering_key.as_deref(), key.events, key.attempts, key.last_error.as_deref(), key.unreadable)
            })
            .collect();
        let first = (Some("account/k-1"), 2, 2, Some("refused"), 0);
        assert_eq!(told, [first, (Some("account/k-2"), 1, 0, None, 1), (Some("account/K-1"), 1, 0, None, 0)]);
        let oldest = self.outbox.waiting_keys(1, 10).await.expect("keys");
        assert_eq!(oldest.iter().map(|key| key.events).collect::<Vec<_>>(), [1], "of the oldest event alone");
        assert_eq!(self.outbox.waiting_keys(100, 2).await.expect("keys"), keys[..2]);

        let waiting = self.outbox.waiting_after(i64::MIN, 10).await.expect("what waits");
        assert_eq!(waiting.iter().map(|found| found.event.event_id).collect::<Vec<_>>(), ids);
        assert_eq!(waiting[0].since, keys[0].oldest_at);
        assert!(waiting.iter().all(|found| found.event.payload.is_empty() && 0 < found.event.payload_bytes));
        assert_eq!(waiting[0].reason.as_deref(), Some("refused"));
        assert!(waiting[1].problem.as_deref().is_some_and(|problem| problem.starts_with("encoding 9 ")), "{waiting:?}");
        assert_eq!(self.outbox.waiting_after(waiting[2].event.seq, 10).await.expect("what waits"), waiting[3..]);

        (self.execute)(self.pool.clone(), KEEP).await;
        self.bury().await;
        self.write([numbered("k-1", 1)]).await;
        let found = self.outbox.find_by_key("k-1", 10).await.expect("events");
        let places: Vec<_> = found.iter().map(|found| found.place).collect();
        assert_eq!(places, [Waiting, Dead, Dead, Delivered, Delivered]);
        assert_eq!(self.outbox.find_by_key("k-1", 1).await.expect("events").len(), 3, "one of each place");
        assert_eq!(self.outbox.find_by_key("account/k-1", 10).await.expect("events"), found, "by the ordering key too");
        let found = self.outbox.find(ids[3]).await.expect("events");
        assert_eq!(found.iter().map(|found| found.place).collect::<Vec<_>>(), [Dead, Delivered]);
        assert_eq!((found[0].reason.as_deref(), found[1].reason.as_deref()), (Some("no room"), None));
        assert!(self.outbox.find(uuid::Uuid::nil()).await.expect("none").is_empty());
    }
}

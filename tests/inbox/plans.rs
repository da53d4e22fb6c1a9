//! The rows that a statement reads, when many events of one key wait.

use std::{ops::Range, time::Duration};

use marty_events::{
    inbox::{Claim, Due, Fate, Inbox, InboxDatabase},
    outbox::OutboxPool,
};
use sqlx::Pool;

use crate::database::{Fixture, Statements, again, event, failure};

/// The most rows that a plan by keys reads.
const FEW: i64 = 100;
const HOUR: Duration = Duration::from_hours(1);

/// A database's own way to tell what it reads.
struct Reading {
    /// The rows that the session has read.
    rows: &'static str,
    /// Takes the statistics of the tables anew.
    analyze: &'static [&'static str],
    /// Events behind the one that is parked already.
    many: &'static str,
}

/// A row that an index alone answers counts too: no page is known to be visible to all.
const POSTGRES: Reading = Reading {
    rows: "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables",
    // Vacuumed, a table without rows counts as one that has none.
    analyze: &["VACUUM ANALYZE event_inbox", "VACUUM ANALYZE event_inbox_parked"],
    many: "INSERT INTO event_inbox_parked
            (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, headers, value)
        SELECT 'status-list', 'poison-' || number, 'marty.suite.account.moved', 'poison', 0, number, '[]', repeat('x', 500)::bytea
        FROM generate_series(1, 5000) AS number",
};

const MARIADB: Reading = Reading {
    rows: "SELECT CAST(variable_value AS SIGNED) FROM information_schema.session_status WHERE variable_name = 'Rows_read'",
    analyze: &["ANALYZE TABLE event_inbox, event_inbox_parked"],
    many: "INSERT INTO event_inbox_parked
            (consumer_group, event_id, topic, ordering_key, record_partition, record_offset, headers, value, parked_at)
        SELECT 'status-list', CONCAT('poison-', seq), 'marty.suite.account.moved', 'poison', 0, seq, '[]', REPEAT('x', 500), 0
        FROM seq_1_to_5000",
};

impl<DB: InboxDatabase> Fixture<DB>
where
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    pub(crate) async fn walks_over_no_parked_events_of_another_key(self) {
        let reading = if DB::NAME == "PostgreSQL" { POSTGRES } else { MARIADB };
        reading.analyze(&self).await;
        // A connection keeps its plans.
        let one = self.with_connections(1).await;
        let inbox = one.inbox("status-list");
        for first in ["poison", "early"] {
            one.parked(&inbox, &event(first, 0), Some(&failure(1, Fate::Retry(HOUR)))).await;
        }
        // After five runs PostgreSQL has a plan for all that come.
        one.rounds(&inbox, &reading, 0..8).await;
        self.run(reading.many).await;
        inbox.stats().await.expect("the counts");
        one.rounds(&inbox, &reading, 8..16).await;
        reading.analyze(&self).await;
        one.rounds(&inbox, &reading, 16..24).await;
        self.run("DELETE FROM event_inbox_parked WHERE ordering_key = 'poison' AND event_id <> 'poison-0'").await;
        reading.analyze(&self).await;
        inbox.stats().await.expect("the counts");
        one.rounds(&inbox, &reading, 24..32).await;
        self.run(reading.many).await;
        inbox.stats().await.expect("the counts");
        one.rounds(&inbox, &reading, 32..40).await;
        reading.analyze(&self).await;
        one.rounds(&inbox, &reading, 40..48).await;
        // It has no other of its key behind it, and all of the many.
        self.run("UPDATE event_inbox_parked SET due_at = parked_at WHERE event_id = 'early-0'").await;
        let (mut transaction, early) = one.due(&inbox).await.expect("an event");
        let mut steps = Steps::of(&one, &reading, 48, &mut transaction).await;
        inbox.unpark(&mut transaction, early.id).await.expect("it leaves");
        steps.end(&mut transaction, "the end of an early event").await;
        transaction.commit().await.expect("the commit");
    }

    async fn rounds(&self, inbox: &DB::Inbox, reading: &Reading, rounds: Range<i64>) {
        for round in rounds {
            self.visits(inbox, reading, round).await;
        }
    }

    /// Runs each statement.
    async fn visits(&self, inbox: &DB::Inbox, reading: &Reading, round: i64) {
        let (other, poison, tried) = (event("other", round), event("poison", 10_000 + round), event("tried", round));
        let mut transaction = inbox.begin().await.expect("a transaction");
        let mut steps = Steps::of(self, reading, round, &mut transaction).await;
        let claim = inbox.claim(&mut transaction, &other.0, &other.1).await.expect("an answer");
        assert_eq!(claim, Claim::Taken);
        steps.end(&mut transaction, "the claim of another key").await;
        let batch = [event("one", round), event("two", round), poison.clone()];
        let events: Vec<_> = batch.iter().map(|(delivery, identity)| (delivery, identity)).collect();
        let claims = inbox.claim_all(&mut transaction, &events).await.expect("the answers");
        assert_eq!(claims, [Claim::Taken, Claim::Taken, Claim::Behind]);
        steps.end(&mut transaction, "the claims of a batch").await;
        inbox.park(&mut transaction, &poison.0, &poison.1, None).await.expect("it is parked");
        steps.end(&mut transaction, "parking behind others").await;
        inbox.claim(&mut transaction, &tried.0, &tried.1).await.expect("an answer");
        inbox.park(&mut transaction, &tried.0, &tried.1, Some(&again())).await.expect("it is parked");
        steps.end(&mut transaction, "parking the first of a key").await;
        transaction.commit().await.expect("the commit");

        let mut transaction = inbox.begin().await.expect("a transaction");
        let mut steps = Steps::of(self, reading, round, &mut transaction).await;
        let due = inbox.next_due(&mut transaction).await.expect("an answer");
        let Due::Now(due) = due else { panic!("{due:?} in round {round}") };
        steps.end(&mut transaction, "the look for an event that is due").await;
        inbox.unpark(&mut transaction, due.id).await.expect("it leaves");
        steps.end(&mut transaction, "the end of a parked event").await;
        let due = inbox.next_due(&mut transaction).await.expect("an answer");
        assert!(matches!(due, Due::After(Some(_))), "{due:?} in round {round}");
        steps.end(&mut transaction, "the look for the next time").await;
        transaction.commit().await.expect("the commit");
    }
}

impl Reading {
    async fn analyze<DB: InboxDatabase>(&self, fixture: &Fixture<DB>)
    where
        OutboxPool: for<'p> From<&'p Pool<DB>>,
    {
        for statement in self.analyze {
            fixture.run(statement).await;
        }
    }
}

/// The statements of one transaction, and what they read.
struct Steps<DB: InboxDatabase> {
    statements: Statements<DB>,
    rows: &'static str,
    round: i64,
    read: i64,
}

impl<DB: InboxDatabase> Steps<DB> {
    async fn of(fixture: &Fixture<DB>, reading: &Reading, round: i64, connection: &mut DB::Connection) -> Self {
        let (statements, rows) = (fixture.statements, reading.rows);
        Self { statements, rows, round, read: (statements.number)(connection, rows).await }
    }

    /// Checks that `step` has read few rows.
    async fn end(&mut self, connection: &mut DB::Connection, step: &str) {
        let read = (self.statements.number)(connection, self.rows).await;
        let rows = read - std::mem::replace(&mut self.read, read);
        assert!(rows <= FEW, "{step} read {rows} rows in round {}", self.round);
    }
}

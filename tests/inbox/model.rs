//! Two owners of a partition, two processes that retry, and an operator, in any interleaving: every event has its effect once, and in order.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use marty_events::{
    EventError,
    inbox::{Claim, Due, Fate, Inbox, InboxDatabase, InboxQuery, InboxRepository},
    outbox::OutboxPool,
};
use marty_events_tests::wait;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sqlx::{Pool, Transaction};

use crate::database::{Fixture, Statements, event, failure};

const KEYS: i64 = 5;
const EVENTS: i64 = 30;

/// A process: its inbox, and the dice by which its handlers fail, break off and take their time.
struct Process<DB: InboxDatabase> {
    inbox: DB::Inbox,
    statements: Statements<DB>,
    dice: Arc<Mutex<StdRng>>,
    /// The ids of poison events that an operator has mended.
    mended: Arc<Mutex<Vec<String>>>,
}

impl<DB: InboxDatabase> Clone for Process<DB> {
    fn clone(&self) -> Self {
        let (dice, mended) = (self.dice.clone(), self.mended.clone());
        Self { inbox: self.inbox.clone(), statements: self.statements, dice, mended }
    }
}

/// The end of a handler.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Success,
    /// The process dies before the commit.
    Death,
    /// The process dies after the commit, before it knows.
    LateDeath,
    Failure,
    GiveUp,
}

fn database_error(source: sqlx::Error) -> EventError {
    EventError::Inbox { operation: "run the handler", source: Box::new(source) }
}

impl<DB: InboxDatabase> Process<DB> {
    fn throw(&self, sides: u32) -> u32 {
        self.dice.lock().expect("the dice").random_range(0..sides)
    }

    fn end(&self, id: &str, number: i64) -> End {
        let is_mended = self.mended.lock().expect("the list").iter().any(|mended| mended == id);
        match (number % 10, self.throw(20)) {
            (5, _) if !is_mended => End::GiveUp,
            (7, _) if !is_mended => End::Failure,
            (_, 0..=2) => End::Death,
            (_, 3) => End::LateDeath,
            (_, 4..=7) => End::Failure,
            _ => End::Success,
        }
    }

    /// The handler's writes: they tell how often an event had its effect, and whether a later one of its key came before.
    async fn handle(
        &self,
        transaction: &mut Transaction<'static, DB>,
        id: &str,
        number: i64,
    ) -> Result<(), EventError> {
        let key = id.split('-').next().expect("a key");
        let pause = match self.throw(30) {
            0 => 60,
            other => u64::from(other % 4),
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let effect = format!(
            "INSERT INTO effects (event_id) VALUES ('{id}'); UPDATE progress SET inversions = inversions
            + CASE WHEN {number} < latest THEN 1 ELSE 0 END, latest = {number} WHERE event_key = '{key}'"
        );
        (self.statements.execute)(&mut *transaction, effect).await.map_err(database_error)
    }

    /// One try of a record of the partition; true where the lane goes on to the next.
    async fn step(&self, key: &str, number: i64) -> Result<bool, EventError> {
        let (delivery, identity) = event(key, number);
        let mut transaction = self.inbox.begin().await?;
        match self.inbox.claim(&mut transaction, &delivery, &identity).await? {
            Claim::Duplicate => return Ok(true),
            Claim::Behind => {
                self.inbox.park(&mut transaction, &delivery, &identity, None).await?;
                transaction.commit().await.map_err(database_error)?;
                return Ok(true);
            }
            Claim::Taken => {}
        }
        self.handle(&mut transaction, &identity.event_id, number).await?;
        let fate = match self.end(&identity.event_id, number) {
            End::Death => return Ok(false),
            end @ (End::Success | End::LateDeath) => {
                transaction.commit().await.map_err(database_error)?;
                return Ok(end == End::Success);
            }
            End::Failure => Fate::Retry(Duration::from_millis(2)),
            End::GiveUp => Fate::Bury,
        };
        transaction.rollback().await.map_err(database_error)?;
        let mut transaction = self.inbox.begin().await?;
        if self.inbox.claim(&mut transaction, &delivery, &identity).await? != Claim::Duplicate {
            self.inbox.park(&mut transaction, &delivery, &identity, Some(&failure(1, fate))).await?;
            transaction.commit().await.map_err(database_error)?;
        }
        Ok(true)
    }

    /// One try of a parked event, where one is due.
    async fn retry(&self) -> Result<(), EventError> {
        let mut transaction = self.inbox.begin().await?;
        let Due::Now(parked) = self.inbox.next_due(&mut transaction).await? else {
            drop(transaction);
            tokio::time::sleep(Duration::from_millis(2)).await;
            return Ok(());
        };
        let (id, number) = (parked.identity.event_id, parked.delivery.offset);
        self.handle(&mut transaction, &id, number).await?;
        match self.end(&id, number) {
            End::Death => return Ok(()),
            End::Success | End::LateDeath => {
                self.inbox.unpark(&mut transaction, parked.id).await?;
                return transaction.commit().await.map_err(database_error);
            }
            End::Failure | End::GiveUp => {}
        }
        transaction.rollback().await.map_err(database_error)?;
        let fate =
            if number % 10 == 7 && 3 <= parked.delivery.attempt { Fate::Hold } else { Fate::Retry(Duration::ZERO) };
        let fate = if number % 10 == 5 { Fate::Bury } else { fate };
        self.inbox.fail(parked.id, &failure(parked.delivery.attempt, fate)).await.map(drop)
    }

    /// Goes through the partition with a lane for each key.
    async fn own(self) {
        let lanes = (0..KEYS).map(|key| {
            let process = self.clone();
            tokio::spawn(async move {
                for number in 0..EVENTS {
                    while !passes(process.step(&format!("k{key}"), number).await).unwrap_or(false) {}
                }
            })
        });
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.expect("a lane");
        }
    }
}

/// Nothing for an error after which the same is tried again.
fn passes<T>(result: Result<T, EventError>) -> Option<T> {
    match result {
        Ok(answer) => Some(answer),
        Err(error) if error.is_retryable() => {
            println!("{error:?}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Mends the letters of the kind that a query means, and puts them back.
async fn mend(repository: &InboxRepository, mended: &Mutex<Vec<String>>, query: InboxQuery) {
    let Some(letters) = passes(repository.dead_letters(query).await) else { return };
    for letter in letters {
        mended.lock().expect("the list").push(letter.event_id);
        passes(repository.requeue(&[letter.id]).await);
    }
}

impl<DB: InboxDatabase> Fixture<DB>
where
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    pub(crate) async fn has_every_effect_once_and_in_order(self) {
        let seed: u64 =
            std::env::var("MARTY_EVENTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        println!("MARTY_EVENTS_SEED={seed}");
        self.run("CREATE TABLE effects (event_id VARCHAR(20) NOT NULL)").await;
        self.run("CREATE TABLE progress (event_key VARCHAR(20) PRIMARY KEY, latest INTEGER, inversions INTEGER)").await;
        for key in 0..KEYS {
            self.run(&format!("INSERT INTO progress VALUES ('k{key}', -1, 0)")).await;
        }
        let mended = Arc::<Mutex<Vec<String>>>::default();
        let process = |number: u64| Process::<DB> {
            inbox: self.inbox("status-list"),
            statements: self.statements,
            dice: Arc::new(Mutex::new(StdRng::seed_from_u64(seed.wrapping_add(number)))),
            mended: mended.clone(),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let retries = [1, 2].map(|number| {
            let (process, stop) = (process(number), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    passes(process.retry().await);
                }
            })
        });
        let operator = tokio::spawn({
            let (repository, mended, stop) = (self.repository.clone(), mended.clone(), stop.clone());
            async move {
                while !stop.load(Ordering::Relaxed) {
                    mend(&repository, &mended, InboxQuery::default().held()).await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
        let owners = [tokio::spawn(process(3).own()), tokio::spawn(process(4).own())];
        for owner in owners {
            owner.await.expect("an owner");
        }
        let inbox = self.inbox("status-list");
        let is_empty = || async {
            let stats = passes(inbox.stats().await)?;
            (stats.parked_keys == 0).then_some(stats)
        };
        let stats = wait::until("an end of what waits", is_empty).await;
        assert_eq!(stats.dead_letters, u64::try_from(KEYS * EVENTS / 10).expect("a count"), "one of ten is given up");
        let inversions = self.number("SELECT count(*) FROM progress WHERE inversions = 0").await;
        assert_eq!(inversions, KEYS, "an event came before an earlier one of its key");

        // The letters of the events that were given up, back at places that others have passed long since.
        wait::until("an end of all letters", || async {
            mend(&self.repository, &mended, InboxQuery::default()).await;
            let stats = is_empty().await?;
            (stats.dead_letters == 0).then_some(())
        })
        .await;
        stop.store(true, Ordering::Relaxed);
        for retry in retries {
            retry.await.expect("a process");
        }
        operator.await.expect("the operator");
        let counts: BTreeMap<String, i64> = {
            let mut counts = BTreeMap::new();
            for key in 0..KEYS {
                for number in 0..EVENTS {
                    let id = format!("k{key}-{number}");
                    let count = self.number(&format!("SELECT count(*) FROM effects WHERE event_id = '{id}'")).await;
                    counts.insert(id, count);
                }
            }
            counts
        };
        let wrong: Vec<_> = counts.into_iter().filter(|(_, count)| *count != 1).collect();
        assert!(wrong.is_empty(), "effects that are lost or came more than once: {wrong:?}");
    }
}

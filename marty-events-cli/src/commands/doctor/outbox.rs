//! Checks that ask the outbox database.

mod relays;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use marty_events::{EventError, OutboxRepository, inbox::InboxRepository};

use super::report::{Check, Report};
use crate::{
    database::{self, Outbox},
    failure::{chain, forbidden, granting},
    lanes::{ranges, unowned},
    time::in_words,
};

/// A smaller difference between two clocks is not reported. Events carry the services' times; rows and leases carry the
/// database's time alone.
const SKEW: Duration = Duration::from_secs(2);
/// The number of questions for the database's time.
const QUESTIONS: usize = 4;

/// Checks as much as the database allows. Returns the repository if its tables can be read. `alone` is the inbox that may be there without an
/// outbox.
pub(super) async fn check(
    outbox: &Outbox,
    alone: Option<&InboxRepository>,
    max_age: Duration,
    report: &mut Report,
) -> Option<OutboxRepository> {
    if let Err(error) = database::reach(&outbox.pool).await {
        let found = format!("{} cannot be reached: {}", database::place(&outbox.pool), words(&error));
        report.add(Check::failed("database", found, database::advice(&outbox.pool, &error)));
        return None;
    }
    report.add(Check::ok("database", format!("{} answers", database::place(&outbox.pool))));
    let (pool, outbox) = (&outbox.pool, &outbox.repository);
    clock(outbox, report).await;
    let checked = outbox.validate().await;
    if let (Err(EventError::OutboxTableMissing { .. }), Some(inbox)) = (&checked, alone)
        && inbox.groups().await.is_ok()
        && database::lacks_outbox(pool).await
    {
        let found = "the database has an inbox and no outbox, as that of a service has which only handles events; otherwise run `marty-events migrate`";
        report.add(Check::ok("tables", found));
        report.has_no_outbox();
        return None;
    }
    match &checked {
        Ok(()) | Err(EventError::CachedSequence { .. }) => {
            report.add(Check::ok("tables", "the tables exist, and have this version"));
            report.add(Check::ok("privileges", "the user has every right that a relay needs"));
        }
        Err(EventError::OutboxForbidden { .. }) => report.add(Check::ok("tables", "the tables exist")),
        Err(_) => {}
    }
    if let Err(EventError::OutboxForbidden { user, grant }) = &checked {
        report.add(Check::failed("privileges", forbidden(user), granting("tables", grant)));
        return None;
    }
    if let Err(error) = checked {
        let (check, advice) = match error {
            EventError::OutboxTableMissing { .. } => {
                ("tables", "run `marty-events migrate`, with the same --table, as a user that may create tables")
            }
            EventError::OutboxUnfit { .. } => {
                ("tables", "let the tables' owner change it, or connect as another user; events wait until then")
            }
            EventError::CachedSequence { .. } => {
                ("numbers", "let the tables' owner run the ALTER SEQUENCE; order is not kept until then")
            }
            _ => ("tables", "read the database's message"),
        };
        report.add(Check::failed(check, words(&error), advice));
        if !matches!(error, EventError::CachedSequence { .. }) {
            return None;
        }
    }
    for caution in outbox.cautions().await.unwrap_or_default() {
        report.add(Check::warning(
            "settings",
            caution.to_owned(),
            "see \"The outbox in each database\" in the documentation",
        ));
    }
    if let Err(error) = events(outbox, max_age, report).await {
        let advice = "read the database's message";
        report.add(Check::failed("backlog", words(&error), advice));
    }
    Some(outbox.clone())
}

async fn clock(outbox: &OutboxRepository, report: &mut Report) {
    let mut best: Option<Skew> = None;
    // The first question also makes the connection. The shortest trip is the most exact one.
    for _ in 0..QUESTIONS {
        let (asked, before) = (Instant::now(), Timestamp::now());
        let there = match outbox.clock().await {
            Ok(there) => there,
            Err(error) => {
                report.add(Check::warning("clock", words(&error), "read the database's message"));
                return;
            }
        };
        let skew = Skew::of(before, asked.elapsed(), there);
        if best.as_ref().is_none_or(|best| skew.error < best.error) {
            best = Some(skew);
        }
    }
    let Some(skew) = best else { return };
    let found = skew.in_words();
    report.add(if skew.amount() <= SKEW + skew.error {
        Check::ok("clock", found)
    } else {
        Check::warning(
            "clock",
            found,
            "let both machines follow the same time server; ages and times of events mislead meanwhile",
        )
    });
}

/// The database's clock beside this machine's.
struct Skew {
    difference: SignedDuration,
    /// The difference may be smaller or larger by this.
    error: Duration,
}

impl Skew {
    /// The database reads its clock at some moment between question and answer: in the middle, give or take half of the round trip.
    fn of(before: Timestamp, trip: Duration, there: Timestamp) -> Self {
        let error = trip / 2;
        Self { difference: there.duration_since(before + error), error }
    }

    fn amount(&self) -> Duration {
        self.difference.unsigned_abs()
    }

    fn in_words(&self) -> String {
        let direction = if self.difference < SignedDuration::ZERO { "behind" } else { "ahead of" };
        let (amount, error) = (in_words(self.amount()), in_words(self.error));
        format!("the database's clock is {amount} {direction} this machine's, give or take {error}")
    }
}

async fn events(outbox: &OutboxRepository, max_age: Duration, report: &mut Report) -> Result<(), EventError> {
    let (stats, relays) = (outbox.stats().await?, outbox.relays().await?);
    if relays::check(&relays, stats.pending, report) {
        let free = unowned(&relays);
        report.add(if free.is_empty() {
            Check::ok("lanes", "every lane has an owner")
        } else {
            let found = format!("no relay owns {}", ranges(&free));
            let advice = "wait for the lease time (4 s) and look again; if they stay free, read the relays' logs";
            Check::warning("lanes", found, advice)
        });
    }
    let oldest = stats.oldest_pending_age.unwrap_or_default();
    let found = match stats.pending {
        0 => "no event waits".to_owned(),
        pending => format!("{pending} events wait, the oldest for {}", in_words(oldest)),
    };
    report.add(if oldest <= max_age {
        Check::ok("backlog", found)
    } else {
        let advice = "see the checks of relay and broker, and the relay's log; `marty-events tail --outbox --from beginning` shows the waiting events";
        Check::failed("backlog", format!("{found}, longer than {}", in_words(max_age)), advice)
    });
    report.add(match stats.dead {
        0 => Check::ok("dead-letters", "none"),
        dead => {
            let advice = "see `marty-events dead-letters list`; then requeue or discard them";
            Check::failed("dead-letters", format!("the broker refused {dead} events for good"), advice)
        }
    });
    Ok(())
}

/// An error and its causes on one line.
pub(super) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    chain(Some(error)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_measured_by_the_middle_of_the_round_trip() {
        let before: Timestamp = "2026-03-01T09:15:00Z".parse().expect("a time");
        for (trip, there, told) in [
            (200, 100, "0 ms ahead of this machine's, give or take 100 ms"),
            (200, 5_100, "5.0 s ahead of this machine's, give or take 100 ms"),
            (8_000, 1_000, "3.0 s behind this machine's, give or take 4.0 s"),
        ] {
            let there = before + Duration::from_millis(there);
            let skew = Skew::of(before, Duration::from_millis(trip), there);
            assert_eq!(skew.in_words(), format!("the database's clock is {told}"));
        }
    }
}

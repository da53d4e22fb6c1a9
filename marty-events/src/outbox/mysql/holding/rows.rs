//! The rows of relays and lanes.

use sqlx::{Row, mysql::MySqlRow};
use uuid::Uuid;

use super::super::super::{lanes::Lane, row::count};

/// The relays, a row each; one `is_ahead` whose lease ends later than a heartbeat of now would make it end: the clock went back.
pub(super) const RELAYS: &str = "
    SELECT relay, CAST({now} <= expires_at AS SIGNED) AS is_alive, CAST(delivers AS SIGNED) AS delivers, mark, published,
        (expires_at - {now}) DIV 1000 AS lease_left, CAST({now} + lease * 1000 < expires_at AS SIGNED) AS is_ahead,
        CAST(expires_at < {now} - 3600000000 AS SIGNED) AS is_old
    FROM {relays}";

/// The lanes, a row each, without their marks: a heartbeat reads those that it needs when it locks the lanes.
pub(super) const LANES: &str = "SELECT lane, term, owner, NULL AS mark FROM {lanes} ORDER BY lane";

/// A relay's view of all relays and lanes.
pub(super) struct View {
    /// Whose look it is.
    pub(super) relay: String,
    pub(super) relays: Vec<Relay>,
    pub(super) lanes: Vec<Held>,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
pub(super) struct Relay {
    pub(super) id: String,
    pub(super) is_alive: bool,
    pub(super) delivers: bool,
    pub(super) mark: Option<String>,
    pub(super) published: i64,
    /// In milliseconds.
    pub(super) lease_left: i64,
    pub(super) is_ahead: bool,
    /// Silent for an hour.
    pub(super) is_old: bool,
}

/// A lane, and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) lane: Lane,
    pub(super) owner: Option<String>,
    pub(super) mark: Option<String>,
}

impl View {
    pub(super) fn read(rows: &[MySqlRow], relay: Uuid) -> Result<Self, sqlx::Error> {
        Self::read_as(rows, &relay.to_string())
    }

    pub(super) fn read_as(rows: &[MySqlRow], relay: &str) -> Result<Self, sqlx::Error> {
        let (lanes, relays): (Vec<&MySqlRow>, Vec<&MySqlRow>) =
            rows.iter().partition(|row| row.try_get_raw("lane").is_ok());
        Ok(Self {
            relay: relay.to_owned(),
            relays: relays.into_iter().map(Relay::read).collect::<Result<_, _>>()?,
            lanes: lanes.into_iter().map(Held::read).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn own(&self) -> impl Iterator<Item = &Held> {
        self.lanes.iter().filter(|held| held.is_of(&self.relay))
    }

    pub(super) fn others(&self) -> impl Iterator<Item = &Relay> {
        self.relays.iter().filter(|other| other.id != self.relay)
    }

    /// Lanes without an owner, or with one whose lease is over.
    pub(super) fn free(&self) -> impl Iterator<Item = &Held> {
        let is_alive = |owner: &String| self.relays.iter().any(|other| other.id == *owner && other.is_alive);
        self.lanes.iter().filter(move |held| held.owner.as_ref().is_none_or(|owner| !is_alive(owner)))
    }

    /// The count of this relay.
    pub(super) fn published(&self) -> u64 {
        count(self.relays.iter().find(|other| other.id == self.relay).map_or(0, |own| own.published))
    }

    /// The mark of this relay.
    pub(super) fn mark(&self) -> Option<&str> {
        self.mark_of(Some(&self.relay))
    }

    pub(super) fn mark_of(&self, relay: Option<&str>) -> Option<&str> {
        self.relays.iter().find(|other| Some(other.id.as_str()) == relay)?.mark.as_deref()
    }

    /// The mark of a lane that is this relay's: of its own where it had the lane before, and the lane's where it has just taken it.
    pub(super) fn effective(&self, held: &Held) -> Option<String> {
        let had = self.own().any(|own| own.lane == held.lane);
        self.mark().filter(|_| had).map(str::to_owned).or_else(|| held.mark.clone())
    }
}

impl Relay {
    fn read(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        let flag = |column: &str| row.try_get::<i64, _>(column).map(|flag| flag == 1);
        Ok(Self {
            id: row.try_get("relay")?,
            is_alive: flag("is_alive")?,
            delivers: flag("delivers")?,
            mark: row.try_get("mark")?,
            published: row.try_get("published")?,
            lease_left: row.try_get("lease_left")?,
            is_ahead: flag("is_ahead")?,
            is_old: flag("is_old")?,
        })
    }
}

impl Held {
    pub(super) fn all(rows: &[MySqlRow]) -> Result<Vec<Self>, sqlx::Error> {
        rows.iter().map(Self::read).collect()
    }

    fn read(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        Ok(Self { lane: lane(row)?, owner: row.try_get("owner")?, mark: row.try_get("mark")? })
    }

    pub(super) fn is_of(&self, relay: &str) -> bool {
        self.owner.as_deref() == Some(relay)
    }
}

pub(in super::super) fn lane(row: &MySqlRow) -> Result<Lane, sqlx::Error> {
    Ok(Lane { number: row.try_get("lane")?, term: row.try_get("term")? })
}

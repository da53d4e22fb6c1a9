//! Leases and lanes.
//!
//! A lease is the relay's row in the table of relays; a heartbeat writes that row alone. Lanes are locked shared by whoever uses
//! them, the heartbeat and the settlements alike, so these never wait for each other. Whoever takes a lane locks it first, and
//! then looks at its owner's lease once more: the owner's heartbeat is either seen there, or finds the lane locked and
//! waits to see that it is lost. That needs `READ COMMITTED`, where every statement has a snapshot of its own.

mod rows;

use std::{fmt::Write, time::Duration};

use uuid::Uuid;

use self::rows::{Held, LANES, RELAYS, View};
use super::{
    super::{
        lanes::{Lane, share},
        queue::{Heartbeat, Holding, milliseconds},
        relays::RelayName,
        row::count,
    },
    queue::MySqlStore,
    statements::{numbers, quoted, text},
    work::Work,
};

pub(super) use self::rows::lane;

impl MySqlStore {
    pub(super) async fn renew(&self, heartbeat: &Heartbeat) -> Result<Holding, sqlx::Error> {
        let Heartbeat { relay, name, lease, delivers, mark, tally } = heartbeat;
        let (settled, sum) = (tally.settled, tally.sum());
        let lease = milliseconds(*lease);
        let mark = mark.as_deref().map_or_else(|| "NULL".to_owned(), text);
        let RelayName { service, host, process_id, version } = &**name;
        let (service, version) = (text(service), text(version));
        let host = host.as_deref().map_or_else(|| "NULL".to_owned(), text);
        let first = format!(
            "INSERT INTO {{relays}}
                (relay, expires_at, lease, delivers, mark, published, service, host, process_id, version)
            VALUES ('{relay}', {{now}} + {lease} * 1000, {lease}, {delivers}, {mark}, {settled}, {service}, {host},
                {process_id}, {version})
            ON DUPLICATE KEY UPDATE expires_at = VALUES(expires_at), lease = VALUES(lease), delivers = VALUES(delivers),
                mark = coalesce(VALUES(mark), mark), published = greatest(published, {sum});
            {RELAYS}; {LANES}"
        );
        let (mut work, read) = Work::begin(&self.pool, &self.table, &first).await?;
        let result = async {
            let view = View::read(&read, *relay)?;
            hold(&mut work, &view, *delivers).await
        };
        let result = result.await;
        work.end(result).await
    }

    /// Gives lanes back that are still the relay's.
    pub(super) async fn give_back(&self, relay: Uuid, lanes: &[Lane], mark: Option<&str>) -> Result<(), sqlx::Error> {
        let own = lanes.iter().map(|lane| format!("lane = {} AND term = {}", lane.number, lane.term));
        let own = own.collect::<Vec<_>>().join(" OR ");
        if own.is_empty() {
            return Ok(());
        }
        let lock = format!(
            "SELECT lane FROM {{lanes}} FORCE INDEX (PRIMARY) WHERE lane IN ({}) ORDER BY lane FOR UPDATE",
            numbers(lanes.iter().map(|lane| lane.number))
        );
        let (mut work, _) = Work::begin(&self.pool, &self.table, &lock).await?;
        let mark = match mark {
            Some(mark) => text(mark),
            None => format!("coalesce((SELECT mark FROM {{relays}} WHERE relay = '{relay}'), mark)"),
        };
        let last = format!(
            "UPDATE {{lanes}} FORCE INDEX (PRIMARY) SET mark = {mark}, owner = NULL WHERE owner = '{relay}' AND ({own})"
        );
        let result = work.commit(&last).await.map(drop);
        work.end(result).await
    }

    /// Gives everything back. A lane that is locked just now, by a settlement that was given up, is free all the same: its owner has
    /// no row any more.
    pub(super) async fn go(&self, relay: Uuid) -> Result<(), sqlx::Error> {
        let first = format!(
            "SELECT lane, term, owner, mark FROM {{lanes}} FORCE INDEX (PRIMARY) WHERE owner = '{relay}' ORDER BY lane
            FOR UPDATE SKIP LOCKED; {RELAYS}"
        );
        let (mut work, read) = Work::begin(&self.pool, &self.table, &first).await?;
        let result = async {
            let view = View::read(&read, relay)?;
            let mut last = vec![];
            if !view.lanes.is_empty() {
                let mark = view.mark().map_or_else(|| "mark".to_owned(), text);
                let own = numbers(view.lanes.iter().map(|held| held.lane.number));
                last.push(format!(
                    "UPDATE {{lanes}} FORCE INDEX (PRIMARY) SET owner = NULL, mark = {mark} WHERE lane IN ({own})"
                ));
            }
            let own = view.relays.iter().find(|other| other.id == view.relay);
            let published = own.map_or(0, |own| own.published);
            last.push(if published == 0 {
                format!("DELETE FROM {{relays}} WHERE relay = '{relay}'")
            } else if let Some(lane) = any_lane(&mut work).await? {
                format!("{}; DELETE FROM {{relays}} WHERE relay = '{relay}'", add_published(lane, published))
            } else {
                // The count waits in the relay's row until that is swept.
                format!("UPDATE {{relays}} SET expires_at = 0, mark = NULL WHERE relay = '{relay}'")
            });
            work.commit(&last.join("; ")).await.map(drop)
        };
        let result = result.await;
        work.end(result).await
    }
}

/// Renews the lanes, takes free ones, and does what is seldom to be done.
async fn hold(work: &mut Work, view: &View, delivers: bool) -> Result<Holding, sqlx::Error> {
    let delivering = view.relays.iter().filter(|relay| relay.is_alive && relay.delivers).count();
    let share = usize::try_from(share(i64::try_from(delivering).unwrap_or(i64::MAX))).unwrap_or_default();
    let own: Vec<i32> = view.own().map(|held| held.lane.number).collect();
    let wanted = if delivers { share.saturating_sub(own.len()) } else { 0 };
    let free: Vec<i32> = view.free().map(|held| held.lane.number).collect();
    let takes = 0 < wanted && !free.is_empty();
    let is_busy = takes || view.relays.iter().any(|other| other.id != view.relay && (other.is_ahead || other.is_old));

    let mut held = if own.is_empty() {
        Vec::new()
    } else {
        let mark = if view.mark().is_some() { "NULL AS mark" } else { "mark" };
        let lock = format!(
            "SELECT lane, term, owner, {mark} FROM {{lanes}} FORCE INDEX (PRIMARY) WHERE lane IN ({}) ORDER BY lane
            LOCK IN SHARE MODE",
            numbers(&own)
        );
        // Usually this is all.
        let locked = if is_busy { work.rows(&lock).await? } else { work.commit(&lock).await? };
        Held::all(&locked)?.into_iter().filter(|held| held.is_of(&view.relay)).collect()
    };
    if is_busy {
        clamp(work, view).await?;
        if takes {
            held.extend(take(work, view, &held, &free, wanted).await?);
        }
        sweep(work, view).await?;
    }
    if is_busy || own.is_empty() {
        work.commit("").await?;
    }

    held.sort_unstable_by_key(|held| held.lane);
    let mut marks: Vec<Option<String>> = held.iter().map(|held| view.effective(held)).collect();
    marks.sort_unstable();
    marks.dedup();
    let lanes: Vec<Lane> = held.iter().map(|held| held.lane).collect();
    let surplus = match (delivers, delivering) {
        (_, 0) => 0,
        (true, _) => lanes.len().saturating_sub(share),
        (false, _) => lanes.len(),
    };
    Ok(Holding { lanes, marks, surplus, next_expiry: view.next_expiry(), has_news: false, published: view.published() })
}

/// Takes free lanes, `wanted` at the most. The relay's mark holds for the lanes that it had before and not for these, so it moves to
/// the former until there is one for all. A lane of them that a settlement uses just now keeps an older mark.
async fn take(
    work: &mut Work,
    view: &View,
    held: &[Held],
    free: &[i32],
    wanted: usize,
) -> Result<Vec<Held>, sqlx::Error> {
    let lock = format!(
        "SELECT lane, term, owner, mark FROM {{lanes}} FORCE INDEX (PRIMARY) WHERE lane IN ({}) ORDER BY lane
        LIMIT {wanted} FOR UPDATE SKIP LOCKED; {RELAYS}",
        numbers(free)
    );
    let locked = View::read_as(&work.rows(&lock).await?, &view.relay)?;
    let mut taken: Vec<Held> = locked.free().cloned().collect();
    if taken.is_empty() {
        return Ok(taken);
    }
    let mut marks = String::new();
    for held in &mut taken {
        held.mark = locked.mark_of(held.owner.as_deref()).map(str::to_owned).or(held.mark.take());
        let _ =
            write!(marks, " WHEN {} THEN {}", held.lane.number, held.mark.as_deref().map_or("NULL".to_owned(), text));
        held.lane.term += 1;
        held.owner = Some(view.relay.clone());
    }
    let mut sql = format!(
        "UPDATE {{lanes}} FORCE INDEX (PRIMARY) SET term = term + 1, owner = '{}', mark = CASE lane{marks} END
        WHERE lane IN ({})",
        view.relay,
        numbers(taken.iter().map(|held| held.lane.number))
    );
    if let Some(mark) = view.mark() {
        let before = numbers(held.iter().map(|held| held.lane.number));
        let lock = format!(
            "SELECT lane, term, owner, mark FROM {{lanes}} FORCE INDEX (PRIMARY) WHERE lane IN ({before}) ORDER BY lane
            FOR UPDATE SKIP LOCKED"
        );
        let before = Held::all(&work.rows(&lock).await?)?;
        if !before.is_empty() {
            let list = numbers(before.iter().map(|held| held.lane.number));
            let mark = text(mark);
            let _ = write!(sql, "; UPDATE {{lanes}} FORCE INDEX (PRIMARY) SET mark = {mark} WHERE lane IN ({list})");
        }
        let _ = write!(sql, "; UPDATE {{relays}} SET mark = NULL WHERE relay = '{}'", view.relay);
    }
    work.rows(&sql).await?;
    Ok(taken)
}

/// Brings leases of other relays back to where a heartbeat by the clock of now would put them.
async fn clamp(work: &mut Work, view: &View) -> Result<(), sqlx::Error> {
    let ahead: Vec<&str> = view.others().filter(|other| other.is_ahead).map(|other| other.id.as_str()).collect();
    let ahead = lock_relays(work, &ahead).await?;
    if !ahead.is_empty() {
        let sql = "UPDATE {relays} FORCE INDEX (PRIMARY) SET expires_at = {now} + lease * 1000
            WHERE relay IN ({list}) AND {now} + lease * 1000 < expires_at";
        work.rows(&sql.replace("{list}", &quoted(ahead))).await?;
    }
    Ok(())
}

/// Removes relays that were silent for an hour; what they delivered is counted in a lane.
async fn sweep(work: &mut Work, view: &View) -> Result<(), sqlx::Error> {
    let old: Vec<&str> = view.others().filter(|other| other.is_old).map(|other| other.id.as_str()).collect();
    let old = lock_relays(work, &old).await?;
    if old.is_empty() {
        return Ok(());
    }
    let list = quoted(&old);
    let published: i64 = view.others().filter(|other| old.contains(&other.id)).map(|other| other.published).sum();
    let Some(lane) = any_lane(work).await? else { return Ok(()) };
    let count = add_published(lane, published);
    work.rows(&format!("{count}; DELETE FROM {{relays}} WHERE relay IN ({list})")).await.map(drop)
}

/// Those of the relays whose rows nobody else has locked.
async fn lock_relays(work: &mut Work, relays: &[&str]) -> Result<Vec<String>, sqlx::Error> {
    if relays.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT relay FROM {relays} FORCE INDEX (PRIMARY) WHERE relay IN ({list}) FOR UPDATE SKIP LOCKED";
    let locked = work.rows(&sql.replace("{list}", &quoted(relays))).await?;
    locked.iter().map(|row| sqlx::Row::try_get(row, "relay")).collect()
}

/// A lane that nobody else has locked, and which is locked from here on.
async fn any_lane(work: &mut Work) -> Result<Option<i32>, sqlx::Error> {
    let sql = "SELECT lane FROM {lanes} FORCE INDEX (PRIMARY) ORDER BY lane LIMIT 1 FOR UPDATE SKIP LOCKED";
    work.rows(sql).await?.first().map(|row| sqlx::Row::try_get(row, "lane")).transpose()
}

fn add_published(lane: i32, published: i64) -> String {
    format!("UPDATE {{lanes}} SET published = published + {published} WHERE lane = {lane}")
}

impl View {
    /// When the first lease of another relay that has lanes runs out.
    fn next_expiry(&self) -> Option<Duration> {
        let has_lanes = |id: &str| self.lanes.iter().any(|held| held.is_of(id));
        let leases = self.others().filter(|other| other.is_alive && has_lanes(&other.id));
        leases.map(|other| Duration::from_millis(count(other.lease_left))).min()
    }
}

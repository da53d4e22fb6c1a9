//! A relay's lease and its lanes: the heartbeat, and giving lanes back.
//!
//! A lease is one row in the table of relays, so a heartbeat changes one row, and a lane changes with its owner alone.
//!
//! The heartbeat waits for two things at the most: for its own row, while another relay takes lanes over, and for a lane that is just
//! taken from it. Every other row is skipped where it is locked. So two heartbeats cannot wait for each other: each takes its own row
//! first and holds nothing while it waits for that.
//!
//! - A relay takes the lanes of one whose lease is over while it has that relay's row `FOR SHARE`. The late relay's heartbeat either
//!   comes first, and the lease is no longer over, or waits and then sees that its lanes are gone.
//! - A lane is taken `FOR UPDATE`, and only if its term is still the one of the statement's snapshot. A settlement has its lanes `FOR KEY
//!   SHARE`: that alone forbids the take-over, and lets the heartbeat write the lane's mark.
//! - A heartbeat that waited for longer than [`PATIENCE`] does nothing: its relay has given it up, and may have died since. `now()` is the
//!   beginning of the transaction, which is before the first lock; `statement_timestamp()` moves on between binding and executing.

use std::time::Duration;

use sqlx::{Postgres, Row, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{
    super::position::{Bounds, PostgresPosition},
    PostgresStore, arrays,
};
use crate::{
    EventError,
    outbox::{
        lanes::Lane,
        queue::{Heartbeat, Holding, Position, milliseconds},
        row::count,
    },
};

/// A heartbeat that is older does nothing.
const PATIENCE: &str = "interval '2 seconds'";

/// Renews the lease, counts the relays that deliver, and takes free lanes up to a share: the same for each, rounded up.
///
/// The relay's own mark is true of all its lanes. With a lane that the mark knows nothing of (taken just now, or by a heartbeat whose answer
/// was lost: not among `$5`, `$6`) it moves to the lanes that it is true of, and is unknown for the relay until it brings another.
pub(super) const HEARTBEAT: &str = "
    WITH {look}gate AS MATERIALIZED (
        SELECT clock_timestamp() < now() + {patience} AS is_open, set_config('lock_timeout', '1000', true) AS set
    ), self AS MATERIALIZED (
        SELECT relays.relay, relays.mark FROM gate, {relays} AS relays
        WHERE is_open AND relays.relay = $1 FOR NO KEY UPDATE OF relays
    ), own AS MATERIALIZED (
        SELECT lanes.lane, lanes.term, lanes.mark, known.lane IS NOT NULL AS is_known
        FROM {lanes} AS lanes JOIN self ON lanes.owner = self.relay
        LEFT JOIN unnest($5::integer[], $6::bigint[]) AS known (lane, term)
            ON known.lane = lanes.lane AND known.term = lanes.term
        ORDER BY lanes.lane FOR KEY SHARE OF lanes
    ), crowd AS MATERIALIZED (
        SELECT count(*) AS others FROM {relays} WHERE relay <> $1 AND delivers AND clock_timestamp() <= expires_at
    ), share AS MATERIALIZED (
        SELECT others, (16 + others) / (others + 1) AS lanes, (SELECT count(*) FROM own) AS held FROM crowd
    ), wish AS MATERIALIZED (
        SELECT CASE WHEN $3::boolean AND is_open THEN greatest(lanes - held, 0) ELSE 0 END AS wanted FROM share, gate
    ), dead AS MATERIALIZED (
        SELECT relays.relay, relays.mark FROM {relays} AS relays
        WHERE 0 < (SELECT wanted FROM wish) AND relays.relay <> $1 AND relays.expires_at < clock_timestamp()
            AND relays.relay IN (SELECT owner FROM {lanes})
        FOR SHARE OF relays SKIP LOCKED
    ), candidates AS MATERIALIZED (
        SELECT lanes.lane, lanes.term, coalesce(dead.mark, lanes.mark) AS mark
        FROM {lanes} AS lanes LEFT JOIN dead ON dead.relay = lanes.owner
        WHERE 0 < (SELECT wanted FROM wish) AND (lanes.owner IS NULL OR dead.relay IS NOT NULL
            OR NOT EXISTS (SELECT FROM {relays} AS relays WHERE relays.relay = lanes.owner))
    ), free AS MATERIALIZED (
        SELECT lanes.lane, candidates.mark FROM {lanes} AS lanes
        JOIN candidates ON candidates.lane = lanes.lane AND candidates.term = lanes.term
        ORDER BY lanes.lane LIMIT (SELECT wanted FROM wish) FOR UPDATE OF lanes SKIP LOCKED
    ), turn AS MATERIALIZED (
        SELECT EXISTS (SELECT FROM free) OR EXISTS (SELECT FROM own WHERE NOT is_known) AS is_new
    ), relay_mark AS MATERIALIZED (
        SELECT CASE WHEN NOT is_new THEN coalesce($4, (SELECT mark FROM self)) END AS mark FROM turn
    ), kept AS MATERIALIZED (
        SELECT own.lane, own.term, own.mark AS old_mark, CASE
            WHEN is_new THEN coalesce(CASE WHEN own.is_known THEN $4 END, self.mark, own.mark) ELSE own.mark END AS mark
        FROM own, self, turn
    ), anchor AS MATERIALIZED (
        SELECT min(lane) AS lane FROM (SELECT lane FROM kept UNION ALL SELECT lane FROM free) AS held
    ), silent AS MATERIALIZED (
        SELECT relays.relay, relays.published FROM {relays} AS relays
        WHERE relays.relay <> $1 AND relays.expires_at < clock_timestamp() - interval '1 hour'
            AND (SELECT lane FROM anchor) IS NOT NULL AND NOT EXISTS (SELECT FROM {lanes} WHERE owner = relays.relay)
        FOR UPDATE OF relays SKIP LOCKED
    ), inherited AS MATERIALIZED (
        SELECT lane, coalesce((SELECT sum(published) FROM silent), 0)::bigint AS published FROM anchor
    ), gone AS (
        DELETE FROM {relays} WHERE relay IN (SELECT relay FROM silent)
    ), changed AS (
        UPDATE {lanes} AS lanes SET owner = $1, term = lanes.term + change.terms, mark = change.mark,
            published = lanes.published + CASE WHEN lanes.lane = inherited.lane THEN inherited.published ELSE 0 END
        FROM (
            SELECT lane, mark, 1 AS terms, true AS is_due FROM free
            UNION ALL SELECT lane, mark, 0, mark IS DISTINCT FROM old_mark FROM kept
        ) AS change, inherited
        WHERE lanes.lane = change.lane AND (is_due OR lanes.lane = inherited.lane AND 0 < inherited.published)
        RETURNING lanes.lane, lanes.term, lanes.mark, change.terms
    ), set_back AS (
        UPDATE {relays} AS relays SET expires_at = clock_timestamp() + relays.lease * interval '1 millisecond'
        FROM (
            SELECT relay FROM {relays} AS relays, gate WHERE is_open AND relay <> $1
                AND clock_timestamp() + lease * interval '1 millisecond' + interval '1 second' < expires_at
            FOR UPDATE OF relays SKIP LOCKED
        ) AS ahead WHERE relays.relay = ahead.relay
    ), here AS (
        INSERT INTO {relays} AS relays
            (relay, expires_at, lease, delivers, published, mark, service, host, process_id, version)
        SELECT $1, clock_timestamp() + $2 * interval '1 millisecond', $2, $3, $7, relay_mark.mark, $9, $10, $11, $12
        FROM gate, relay_mark WHERE is_open
        ON CONFLICT (relay) DO UPDATE SET expires_at = excluded.expires_at, lease = excluded.lease,
            delivers = excluded.delivers, published = greatest(relays.published, $8), mark = excluded.mark
        RETURNING relays.published
    ), held AS MATERIALIZED (
        SELECT lane, term, mark FROM kept UNION ALL SELECT lane, term, mark FROM changed WHERE terms = 1
    )
    SELECT (SELECT is_open FROM gate) AS is_open,
        coalesce((SELECT array_agg(lane ORDER BY lane) FROM held), '{}') AS lanes,
        coalesce((SELECT array_agg(term ORDER BY lane) FROM held), '{}') AS terms,
        coalesce((SELECT array_agg(DISTINCT coalesce((SELECT mark FROM relay_mark), mark)) FROM held), '{}') AS marks,
        (SELECT CASE WHEN $3 THEN greatest(held - lanes, 0) WHEN 0 < others THEN held ELSE 0 END FROM share) AS surplus,
        (SELECT (extract(epoch FROM min(least(greatest(expires_at, clock_timestamp()), clock_timestamp() + interval '1 day'))
                - clock_timestamp()) * 1000)::bigint
            FROM {relays} WHERE relay <> $1 AND (0 < (SELECT wanted FROM wish) OR clock_timestamp() <= expires_at)
            AND relay IN (SELECT owner FROM {lanes} WHERE lane NOT IN (SELECT lane FROM free))) AS next_expiry,
        (SELECT published FROM here) AS published, {has_news} AS has_news";

/// The part of a heartbeat that looks for rows. It asks in the order of the index: a mere `EXISTS` may be answered by a walk over every dead
/// row. Where the late rows are too far away to be looked for at once there may be some.
pub(super) const HAS_NEWS: &str = "
        ({started} <> $18 OR {file} <> $19 OR {late_end} < {cursor}
            OR (SELECT seq FROM {outbox} WHERE {cursor} < seq ORDER BY seq LIMIT 1) IS NOT NULL
            OR (SELECT seq FROM {outbox} WHERE {is_late} ORDER BY seq LIMIT 1) IS NOT NULL)";

/// The numbers of the parameters that a look has: those of [`Bounds`] in their order.
pub(super) const LOOK: [(&str, &str); 6] = [
    ("{named}", "$13"),
    ("{floors}", "$14"),
    ("{cursor}", "$15"),
    ("{behind}", "$16"),
    ("{next_xid}", "$17"),
    ("{width}", "$20"),
];

/// Each lane keeps the mark that it is given with, or else the one that counts for it now.
pub(super) const RELEASE: &str = "
    WITH free AS (
        UPDATE {lanes} AS lanes SET owner = NULL, mark = coalesce($4,
            (SELECT mark FROM {relays} WHERE relay = $1), lanes.mark)
        FROM unnest($2::integer[], $3::bigint[]) AS own (lane, term)
        WHERE owner = $1 AND lanes.lane = own.lane AND lanes.term = own.term
    )
    SELECT pg_notify('{channel}', '{lanes_are_free}')";

/// The relay's count goes to one of its lanes, or to the first one where it has none. Its row is locked first, as by the heartbeat.
pub(super) const LEAVE: &str = "
    WITH gone AS (
        DELETE FROM {relays} WHERE relay = $1 RETURNING published, mark
    ), sum AS MATERIALIZED (
        SELECT coalesce(sum(published), 0)::bigint AS published, max(mark) AS mark FROM gone
    ), anchor AS MATERIALIZED (
        SELECT coalesce(min(lane) FILTER (WHERE owner = $1), min(lane)) AS lane FROM {lanes}
    ), free AS (
        UPDATE {lanes} AS lanes SET owner = nullif(lanes.owner, $1),
            mark = CASE WHEN lanes.owner = $1 THEN coalesce(sum.mark, lanes.mark) ELSE lanes.mark END,
            published = lanes.published + CASE WHEN lanes.lane = anchor.lane THEN sum.published ELSE 0 END
        FROM sum, anchor WHERE lanes.owner = $1 OR lanes.lane = anchor.lane AND 0 < sum.published
    )
    SELECT pg_notify('{channel}', '{lanes_are_free}')";

pub(super) fn with_patience(template: &str) -> String {
    template.replace("{patience}", PATIENCE)
}

impl PostgresStore {
    pub(super) async fn beat(
        &self,
        heartbeat: &Heartbeat,
        look: Option<&PostgresPosition>,
    ) -> Result<Holding, sqlx::Error> {
        let known = self.known(heartbeat.relay);
        // A position with more to read behind it needs no look.
        let is_behind = look.is_some_and(PostgresPosition::is_behind);
        let look = look.filter(|position| !is_behind && !position.is_new());
        let row = self.row(self.heartbeat_query(heartbeat, &known, look)).await?;
        if !row.try_get::<bool, _>("is_open")? {
            return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        }
        let (numbers, terms): (Vec<i32>, Vec<i64>) = (row.try_get("lanes")?, row.try_get("terms")?);
        let next_expiry: Option<i64> = row.try_get("next_expiry")?;
        let lanes: Vec<Lane> = numbers.into_iter().zip(terms).map(|(number, term)| Lane { number, term }).collect();
        self.remember(heartbeat.relay, &lanes);
        Ok(Holding {
            lanes,
            marks: row.try_get("marks")?,
            surplus: usize::try_from(row.try_get::<i64, _>("surplus")?).unwrap_or_default(),
            next_expiry: next_expiry.map(|time| Duration::from_millis(count(time))),
            has_news: is_behind || row.try_get("has_news")?,
            published: count(row.try_get("published")?),
        })
    }

    fn heartbeat_query<'q>(
        &self,
        heartbeat: &'q Heartbeat,
        known: &[Lane],
        look: Option<&PostgresPosition>,
    ) -> Query<'q, Postgres, PgArguments> {
        let sql = if look.is_some() { &self.sql.heartbeat_and_look } else { &self.sql.heartbeat };
        let (numbers, terms) = arrays(known);
        let query = sqlx::query(sql.clone())
            .bind(heartbeat.relay)
            .bind(milliseconds(heartbeat.lease))
            .bind(heartbeat.delivers)
            .bind(&heartbeat.mark)
            .bind(numbers)
            .bind(terms)
            .bind(heartbeat.tally.settled.cast_signed())
            .bind(heartbeat.tally.sum().cast_signed())
            .bind(&heartbeat.name.service)
            .bind(&heartbeat.name.host)
            .bind(i64::from(heartbeat.name.process_id))
            .bind(heartbeat.name.version);
        let Some(position) = look else { return query };
        let Bounds { cursor, behind, next_xid, named, floors, width, .. } = position.bounds();
        let place = position.place();
        query
            .bind(named)
            .bind(floors)
            .bind(cursor)
            .bind(behind)
            .bind(next_xid)
            .bind(place.started)
            .bind(place.file)
            .bind(width)
    }

    pub(super) async fn give_back(&self, relay: Uuid, lanes: &[Lane], mark: Option<&str>) -> Result<(), EventError> {
        let (numbers, terms) = arrays(lanes);
        let query = sqlx::query(self.sql.release.clone()).bind(relay).bind(numbers).bind(terms).bind(mark);
        self.row(query).await.map(drop).map_err(self.error("give lanes back"))
    }
}

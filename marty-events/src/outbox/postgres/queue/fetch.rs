//! Reading pages of undelivered rows.

use std::time::Instant;

use sqlx::Row;

use super::{
    super::{
        position::{Bounds, Extent, PostgresPosition, Recognition},
        rows,
        snapshot::{Place, ReadPoint, Snapshot},
    },
    PostgresStore, set,
};
use crate::{
    EventError,
    outbox::{lanes::Portion, queue::Page},
};

/// The first row describes the read. Then come late rows, then rows behind the cursor; the latter only where all the late ones are here.
/// Headers and payload are NULL for rows of lanes that are not in the set `$2` (lane 1 is its lowest bit), and for rows longer than `$9`
/// bytes. The snapshot is that of the reads, and the statement uses up a transaction id.
pub(super) const FETCH: &str = "
    WITH {ended}, late AS MATERIALIZED (
        SELECT * FROM {outbox} WHERE {is_late} AND {is_own} ORDER BY seq LIMIT $1
    ), whole AS MATERIALIZED (
        SELECT {cursor} <= {late_end} AND (SELECT count(*) FROM late) < $1 AS is_whole
    )
    SELECT pg_current_snapshot()::text AS snapshot, {started} AS started, {file} AS file, (SELECT is_whole FROM whole) AS is_whole,
        {late_end} AS late_end, NULL::boolean AS is_late, {no_record}, NULL::integer AS size
    WHERE pg_current_xact_id() IS NOT NULL
    UNION ALL
    (SELECT NULL, NULL, NULL, NULL, NULL, true, {late_record}, {size} FROM late ORDER BY seq)
    UNION ALL
    (SELECT NULL, NULL, NULL, NULL, NULL, false, {own_record}, {size} FROM {outbox}
        WHERE (SELECT is_whole FROM whole) AND {cursor} < seq AND seq <= $10 ORDER BY seq LIMIT $8)";

/// Rows of the lanes `$2` above `$1` and not above `$3`, at most `$4`; headers and payload are NULL for rows longer than `$5` bytes. A row
/// of a transaction that the position waits for (`$6`), or that it knows nothing of (above `$7` and from the id `$8` on), is left out: it
/// comes by the position, and so before its successors.
pub(super) const REREAD: &str = "
    SELECT {short_record}, {size} FROM {outbox} WHERE $1 < seq AND seq <= $3 AND {is_own}
        AND NOT (xid = ANY($6::text[]::xid8[]) OR $7 < seq AND $8::text::xid8 <= xid)
    ORDER BY seq LIMIT $4";

/// The numbers of the parameters of [`FETCH`].
pub(super) const PARAMETERS: [(&str, &str); 6] = [
    ("{named}", "$3"),
    ("{floors}", "$4"),
    ("{cursor}", "$5"),
    ("{behind}", "$6"),
    ("{next_xid}", "$7"),
    ("{width}", "$11"),
];

/// The transactions that the position waits for and that are over, with the lowest of the bounds that their numbers are above.
pub(super) const ENDED: &str = "
    ended AS MATERIALIZED (
        SELECT coalesce(array_agg(xid), '{}') AS xids, min(floor) AS floor
        FROM (SELECT xid::xid8 AS xid, floor FROM unnest({named}::text[], {floors}::bigint[]) AS late (xid, floor)) AS late
        WHERE pg_visible_in_snapshot(xid, pg_current_snapshot())
    )";

/// Rows up to the cursor that were not there at the last read: those of the ended transactions, and those of transactions that the last
/// snapshot knew nothing of. All bounds are values, so that the index is entered between them: below are the dead rows of everything that
/// was ever delivered while some transaction holds the vacuum's horizon back.
pub(super) const IS_LATE: &str = "
    (SELECT least(floor, {behind}) FROM ended) < seq AND seq <= {cursor} AND seq <= {late_end}
        AND (xid = ANY((SELECT xids FROM ended)::xid8[]) OR {behind} < seq AND {next_xid}::text::xid8 <= xid)";

/// The end of the search for late rows.
pub(super) const LATE_END: &str = "(SELECT greatest(least(floor, {behind}), 0) + {width}::bigint FROM ended)";

/// True for a row whose lane is in the set `$2`.
pub(super) const IS_OWN: &str = "(($2::integer >> (key_hash % 16)::integer) & 1) = 1";

pub(super) const STARTED: &str = "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint";
pub(super) const FILE: &str = "coalesce(pg_relation_filenode('{outbox}')::bigint, 0)";

/// The bytes of a row's headers and payload, which PostgreSQL knows without reading them.
pub(super) const SIZE: &str = "(octet_length(headers) + octet_length(payload))";

/// The columns before those of a record.
const IS_LATE_PLACE: usize = 5;
const AFTER_READ_POINT: usize = 6;

/// The answer to a look at the outbox, before it is known whether all of it may be taken.
struct PageRead {
    read_point: ReadPoint,
    /// All the late rows are here.
    is_whole: bool,
    /// Up to which number they were looked for.
    late_end: i64,
    /// Each begins with the columns of the first row, and whether it is late.
    rows: std::vec::IntoIter<sqlx::postgres::PgRow>,
}

impl PostgresStore {
    pub(super) async fn page(&self, position: &mut PostgresPosition, portion: Portion<'_>) -> Result<Page, EventError> {
        let asked = Instant::now();
        let bounds = position.bounds();
        let PageRead { read_point, is_whole, late_end, rows } =
            self.look(&bounds, portion).await.map_err(self.error("read the backlog"))?;
        match position.recognises(&read_point) {
            Recognition::Same => {}
            Recognition::Other => return Ok(Page { is_full: true, ..Page::default() }),
            Recognition::SetBack => {
                tracing::warn!("the database was set back, or is another one; the outbox is read from its beginning");
                return Ok(Page { is_full: true, ..Page::default() });
            }
        }
        let mut records = rows::Records::new(AFTER_READ_POINT, portion.lanes);
        let (mut page, mut late, mut next, mut last_late, mut last) = (Page::default(), 0, 0, None, None);
        for row in rows {
            let is_late: bool = row.try_get(IS_LATE_PLACE).map_err(self.error("read a row"))?;
            let seq = records.take_in(&mut page, &row).map_err(self.error("read a row"))?;
            if is_late {
                (late, last_late) = (late + 1, Some(seq));
            } else {
                (next, last) = (next + 1, Some(seq));
            }
        }
        let is_cut = next == portion.span();
        let last_late = last_late.filter(|_| late == portion.rows);
        let reached = bounds.reached(&Extent { is_whole, late_end, last_late, is_cut, last });
        position.advance(&read_point, reached, last);
        if bounds.end.is_some() || !is_whole {
            position.pace(asked.elapsed());
        }
        page.is_full = is_cut || !is_whole || bounds.end.is_some();
        Ok(page)
    }

    pub(super) async fn page_again(
        &self,
        position: &PostgresPosition,
        (from, to): (i64, i64),
        portion: Portion<'_>,
    ) -> Result<Page, EventError> {
        let Bounds { named, behind, next_xid, .. } = position.bounds();
        let query = sqlx::query(self.sql.reread.clone())
            .bind(from)
            .bind(set(portion.lanes))
            .bind(to)
            .bind(portion.rows)
            .bind(portion.longest())
            .bind(named)
            .bind(behind)
            .bind(next_xid);
        let rows = self.rows(query).await.map_err(self.error("read the backlog"))?;
        let mut records = rows::Records::new(0, portion.lanes);
        let mut page = Page { is_full: i64::try_from(rows.len()) == Ok(portion.rows), ..Page::default() };
        for row in &rows {
            page.last = Some(records.take_in(&mut page, row).map_err(self.error("read a row"))?);
        }
        Ok(page)
    }

    async fn look(&self, bounds: &Bounds, portion: Portion<'_>) -> Result<PageRead, sqlx::Error> {
        let query = sqlx::query(self.sql.fetch.clone())
            .bind(portion.rows)
            .bind(set(portion.lanes))
            .bind(&bounds.named)
            .bind(&bounds.floors)
            .bind(bounds.cursor)
            .bind(bounds.behind)
            .bind(&bounds.next_xid)
            .bind(portion.span())
            .bind(portion.longest_of_span())
            .bind(bounds.end.unwrap_or(i64::MAX))
            .bind(bounds.width);
        let mut rows = self.rows(query).await?.into_iter();
        let broken = |problem: &str| sqlx::Error::Protocol(problem.to_owned());
        let first = rows.next().ok_or_else(|| broken("no row"))?;
        let snapshot = Snapshot::parse(first.try_get("snapshot")?).ok_or_else(|| broken("no snapshot"))?;
        let place = Place { started: first.try_get("started")?, file: first.try_get("file")? };
        Ok(PageRead {
            read_point: ReadPoint { snapshot, place },
            is_whole: first.try_get("is_whole")?,
            late_end: first.try_get("late_end")?,
            rows,
        })
    }
}

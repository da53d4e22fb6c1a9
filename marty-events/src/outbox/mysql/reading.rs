//! A relay's reads of the outbox.

use std::time::Instant;

use sqlx::{Row, mysql::MySqlRow};

use super::{
    super::{
        lanes::Portion,
        queue::{Page, Position},
    },
    position::{MOST_RANGES, MySqlPosition},
    queue::{LONGEST_LIST, MySqlStore},
    rows,
    statements::{numbers, statement},
    work,
};

/// The most numbers of open transactions that one look shows.
const MOST_THERE: usize = 10_000;

/// Rows behind the cursor, whole where the lane is the relay's own and the row is not too long; and by their numbers alone the
/// late rows, which may have been read already.
const FETCH: &str = "
    (SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash,
        CASE WHEN {lane_of} IN ({own}) AND {size} <= {longest} THEN headers END AS headers,
        CASE WHEN {lane_of} IN ({own}) AND {size} <= {longest} THEN payload END AS payload,
        encoding, created_at, attempts, 0 AS is_late, {size} AS size
    FROM {outbox} FORCE INDEX (PRIMARY) WHERE {cursor} < seq AND seq <= {end} ORDER BY seq LIMIT {limit})";

const LATE: &str = "
    UNION ALL
    (SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash, NULL, NULL,
        encoding, created_at, attempts, 1, {size}
    FROM {outbox} FORCE INDEX (PRIMARY) WHERE {gaps} ORDER BY seq LIMIT {late})";

/// Rows of the relay's lanes in a range of numbers.
const REREAD: &str = "
    SELECT seq, event_id, event_type, topic, record_key, ordering_key, key_hash,
        CASE WHEN {size} <= {longest} THEN headers END AS headers, CASE WHEN {size} <= {longest} THEN payload END AS payload,
        encoding, created_at, attempts, {size} AS size
    FROM {outbox} FORCE INDEX (PRIMARY)
    WHERE {from} < seq AND seq <= {to} AND {lane_of} IN ({own}) ORDER BY seq LIMIT {limit}";

impl MySqlStore {
    pub(super) async fn read_range(
        &self,
        position: &MySqlPosition,
        (from, to): (i64, i64),
        portion: Portion<'_>,
    ) -> Result<Page, sqlx::Error> {
        let sql = REREAD
            .replace("{own}", &numbers(portion.lanes.iter().map(|lane| lane.number)))
            .replace("{longest}", &(portion.longest()).to_string())
            .replace("{from}", &from.to_string())
            .replace("{to}", &to.to_string())
            .replace("{limit}", &portion.rows.to_string());
        let mut rows = work::rows(&self.pool, statement(&sql, &self.table)).await?;
        let last = rows.last().map(|row| row.try_get("seq")).transpose()?;
        let is_full = i64::try_from(rows.len()) == Ok(portion.rows);
        // A number in a gap comes by the position.
        let gaps = position.gaps().all();
        rows.retain(|row| {
            row.try_get("seq").is_ok_and(|seq: i64| {
                let next = gaps.partition_point(|(first, _)| *first <= seq);
                next == 0 || gaps[next - 1].1 < seq
            })
        });
        Ok(Page { last, ..rows::page(&rows, portion.lanes, is_full)? })
    }

    pub(super) async fn read(&self, position: &mut MySqlPosition, portion: Portion<'_>) -> Result<Page, sqlx::Error> {
        if position.is_new() {
            self.begin_reading(position).await?;
        }
        self.narrow(position).await?;
        let ask = position.ask(portion.span());
        let sql = if ask.gaps.is_empty() { FETCH.to_owned() } else { format!("{FETCH} {LATE}") };
        let sql = sql
            .replace("{own}", &numbers(portion.lanes.iter().map(|lane| lane.number)))
            .replace("{longest}", &Portion { rows: ask.limit, ..portion }.longest_of_span().to_string())
            .replace("{cursor}", &ask.cursor.to_string())
            .replace("{end}", &ask.end.to_string())
            .replace("{limit}", &ask.limit.to_string())
            .replace("{gaps}", &any_of(&ask.gaps))
            .replace("{late}", &ask.late_limit.to_string());
        let begun = Instant::now();
        let rows = work::rows(&self.pool, statement(&sql, &self.table)).await?;
        if ask.is_bounded {
            position.took(begun.elapsed());
        }
        let (mut late, mut next) = (Vec::new(), Vec::new());
        for row in rows {
            let seq: i64 = row.try_get("seq")?;
            let is_late: i64 = row.try_get("is_late")?;
            if is_late == 1 { &mut late } else { &mut next }.push((seq, row));
        }
        // A union has no order, whatever its parts have.
        late.sort_unstable_by_key(|(seq, _)| *seq);
        next.sort_unstable_by_key(|(seq, _)| *seq);
        let is_full = position.take(&ask, &mut late, &mut next, Instant::now());
        let rows: Vec<MySqlRow> = late.into_iter().chain(next).map(|(_, row)| row).collect();
        rows::page(&rows, portion.lanes, is_full)
    }

    pub(super) async fn read_again(&self, seqs: &[i64]) -> Result<Page, sqlx::Error> {
        let mut read = Vec::new();
        for some in seqs.chunks(LONGEST_LIST) {
            let sql = "SELECT {event} FROM {outbox} FORCE INDEX (PRIMARY) WHERE seq IN ({list}) ORDER BY seq";
            let sql = sql.replace("{list}", &numbers(some));
            for row in work::rows(&self.pool, statement(&sql, &self.table)).await? {
                read.push(rows::columns(&row)?);
            }
        }
        Ok(Page::of(read, false))
    }

    pub(super) async fn lowest_between(&self, from: i64, to: i64) -> Result<Option<i64>, sqlx::Error> {
        let sql = format!(
            "SELECT seq FROM {{outbox}} FORCE INDEX (PRIMARY) WHERE {from} < seq AND seq <= {to} ORDER BY seq LIMIT 1"
        );
        let rows = work::rows(&self.pool, statement(&sql, &self.table)).await?;
        rows.first().map(|row| row.try_get("seq")).transpose()
    }

    /// True if there may be something to read behind the position.
    pub(super) async fn has_news(&self, position: &MySqlPosition) -> Result<bool, sqlx::Error> {
        if position.is_behind() || !position.gaps().is_empty() {
            return Ok(true);
        }
        Ok(self.lowest_between(position.cursor(), i64::MAX).await?.is_some())
    }

    /// Tells a position the table that it is in. Only MySQL makes a table anew that is emptied; in MariaDB its numbers tell.
    async fn begin_reading(&self, position: &mut MySqlPosition) -> Result<(), sqlx::Error> {
        let schema = self.table.schema().map_or_else(|| "database()".to_owned(), |schema| format!("'{schema}'"));
        let sql = format!(
            "SELECT CAST(coalesce(unix_timestamp(create_time), 0) AS SIGNED) AS created FROM information_schema.tables
            WHERE table_schema = {schema} AND table_name = '{}';
            SHOW CREATE TABLE {{outbox}}",
            self.table.name()
        );
        let rows = work::rows(&self.pool, statement(&sql, &self.table)).await?;
        let [created, table] = &rows[..] else { return Err(sqlx::Error::RowNotFound) };
        position.begin(created.try_get("created")?, next_number(table.try_get(1)?), Instant::now());
        Ok(())
    }

    /// Asks about the gaps that are old enough: those with no row, not even one of an open transaction, will never have one.
    async fn narrow(&self, position: &mut MySqlPosition) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        let mut old = position.gaps().old(now, MOST_RANGES, position.width());
        if old.is_empty() {
            return Ok(());
        }
        // It holds for the next transaction alone, which is this one statement.
        let sql = format!(
            "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;
            SELECT seq FROM {{outbox}} FORCE INDEX (PRIMARY) WHERE {} ORDER BY seq LIMIT {MOST_THERE}",
            any_of(&old)
        );
        let rows = work::rows(&self.pool, statement(&sql, &self.table)).await?;
        let there = rows.iter().map(|row| row.try_get("seq")).collect::<Result<Vec<i64>, _>>()?;
        if there.len() == MOST_THERE
            && let Some(last) = there.last()
        {
            // Nothing is known of what comes behind it.
            old.retain(|(first, _)| first <= last);
            if let Some((_, end)) = old.last_mut() {
                *end = *last.min(end);
            }
        }
        position.narrow(&old, &there, now);
        Ok(())
    }
}

fn any_of(ranges: &[(i64, i64)]) -> String {
    let ranges = ranges.iter().map(|(first, last)| format!("seq BETWEEN {first} AND {last}"));
    ranges.collect::<Vec<_>>().join(" OR ")
}

/// The number that a table gives next, by the statement that would make it; one that has given none says nothing of it.
fn next_number(create_table: &str) -> i64 {
    let (_, options) = create_table.rsplit_once(')').unwrap_or_default();
    let number = options.split(' ').find_map(|option| option.strip_prefix("AUTO_INCREMENT="));
    number.and_then(|number| number.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::next_number;

    #[test]
    fn a_table_tells_the_number_that_it_gives_next() {
        let table = "CREATE TABLE `o` (\n  `seq` bigint(20) NOT NULL AUTO_INCREMENT COMMENT 'AUTO_INCREMENT=7',\n) ENGINE=InnoDB";
        assert_eq!(next_number(table), 1);
        assert_eq!(next_number(&format!("{table} AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4")), 42);
    }
}

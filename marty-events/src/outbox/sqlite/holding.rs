//! Leases and lanes.

use std::time::Duration;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    super::{
        lanes::{Lane, share},
        queue::{Heartbeat, Holding, milliseconds},
        row::count,
    },
    queue::{SqliteStore, json, pairs},
};
use crate::EventError;

const REGISTER: &str = "
    INSERT INTO {relays} (relay, expires_at, lease, delivers, mark, published, service, host, process_id, version)
    VALUES (?1, {now} + ?2 * 1000, ?2, ?3, ?4, ?5, ?7, ?8, ?9, ?10)
    ON CONFLICT (relay) DO UPDATE SET expires_at = excluded.expires_at, lease = excluded.lease,
        delivers = excluded.delivers, mark = coalesce(excluded.mark, mark),
        published = max(published, ?6)
    RETURNING published";

/// A lease that ends later than a heartbeat of now would make it end: the clock went back.
const CLAMP: &str = "
    UPDATE {relays} SET expires_at = {now} + lease * 1000
    WHERE relay <> ?1 AND {now} + lease * 1000 < expires_at";

const COUNT_OLD: &str = "
    UPDATE {lanes} SET published = published + (SELECT sum(published) FROM {relays} WHERE {old})
    WHERE lane = 1 AND EXISTS (SELECT 1 FROM {relays} WHERE {old})";

const SWEEP_RELAYS: &str = "DELETE FROM {relays} WHERE {old}";

const CROWD: &str = "SELECT count(*) FROM {relays} WHERE {now} <= expires_at AND delivers";

const OWN: &str = "
    SELECT lane, term, coalesce((SELECT mark FROM {relays} WHERE relay = ?1), mark) AS mark
    FROM {lanes} WHERE owner = ?1 ORDER BY lane";

const FREE: &str = "SELECT count(*) FROM {lanes} WHERE {free}";

/// The relay's mark holds for the lanes that it has, and not for those that it is about to take.
const KEEP_MARKS: &str = "
    UPDATE {lanes} SET mark = coalesce((SELECT mark FROM {relays} WHERE relay = ?1), mark) WHERE owner = ?1";

const CLEAR_MARK: &str = "UPDATE {relays} SET mark = NULL WHERE relay = ?1";

const TAKE: &str = "
    UPDATE {lanes} SET mark = coalesce((SELECT mark FROM {relays} WHERE relay = owner), mark),
        owner = ?1, term = term + 1
    WHERE lane IN (SELECT lane FROM {lanes} WHERE {free} ORDER BY lane LIMIT ?2)";

const NEXT_EXPIRY: &str = "
    SELECT (min(expires_at) - {now}) / 1000 FROM {relays}
    WHERE relay <> ?1 AND {now} <= expires_at AND relay IN (SELECT owner FROM {lanes})";

const RELEASE: &str = "
    UPDATE {lanes} SET owner = NULL,
        mark = coalesce(?3, (SELECT mark FROM {relays} WHERE relay = ?1), mark)
    WHERE owner = ?1 AND (lane, term) IN
        (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2))";

const RELEASE_ALL: &str = "
    UPDATE {lanes} SET owner = NULL, mark = coalesce((SELECT mark FROM {relays} WHERE relay = ?1), mark)
    WHERE owner = ?1";

const COUNT_OWN: &str = "
    UPDATE {lanes} SET published = published + (SELECT published FROM {relays} WHERE relay = ?1)
    WHERE lane = 1 AND EXISTS (SELECT 1 FROM {relays} WHERE relay = ?1)";

const UNREGISTER: &str = "DELETE FROM {relays} WHERE relay = ?1";

impl SqliteStore {
    /// Renews the lease, does what is seldom to be done, and takes free lanes.
    pub(super) async fn hold(
        &self,
        connection: &mut SqliteConnection,
        Heartbeat { relay, name, lease, delivers, mark, tally }: &Heartbeat,
    ) -> Result<Holding, sqlx::Error> {
        let relay = relay.to_string();
        let published: i64 = sqlx::query_scalar(self.statement(REGISTER))
            .bind(&relay)
            .bind(milliseconds(*lease))
            .bind(delivers)
            .bind(mark)
            .bind(i64::try_from(tally.settled).unwrap_or(i64::MAX))
            .bind(i64::try_from(tally.sum()).unwrap_or(i64::MAX))
            .bind(&name.service)
            .bind(&name.host)
            .bind(name.process_id)
            .bind(name.version)
            .fetch_one(&mut *connection)
            .await?;
        sqlx::query(self.statement(CLAMP)).bind(&relay).execute(&mut *connection).await?;
        sqlx::query(self.statement(COUNT_OLD)).execute(&mut *connection).await?;
        sqlx::query(self.statement(SWEEP_RELAYS)).execute(&mut *connection).await?;
        let delivering: i64 = sqlx::query_scalar(self.statement(CROWD)).fetch_one(&mut *connection).await?;
        let own = sqlx::query(self.statement(OWN)).bind(&relay);
        let mut rows = own.fetch_all(&mut *connection).await?;
        let own = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let wanted = share(delivering) - own;
        if *delivers && 0 < wanted {
            let free: i64 = sqlx::query_scalar(self.statement(FREE)).fetch_one(&mut *connection).await?;
            if 0 < free {
                for statement in [KEEP_MARKS, CLEAR_MARK] {
                    sqlx::query(self.statement(statement)).bind(&relay).execute(&mut *connection).await?;
                }
                sqlx::query(self.statement(TAKE)).bind(&relay).bind(wanted).execute(&mut *connection).await?;
                rows = sqlx::query(self.statement(OWN)).bind(&relay).fetch_all(&mut *connection).await?;
            }
        }
        let next: Option<i64> =
            sqlx::query_scalar(self.statement(NEXT_EXPIRY)).bind(&relay).fetch_one(&mut *connection).await?;
        let mut marks = rows.iter().map(|row| row.try_get("mark")).collect::<Result<Vec<_>, _>>()?;
        marks.sort_unstable();
        marks.dedup();
        let surplus = match (*delivers, delivering) {
            (_, 0) => 0,
            (true, _) => own - share(delivering),
            (false, _) => own,
        };
        Ok(Holding {
            lanes: rows.iter().map(lane).collect::<Result<_, _>>()?,
            marks,
            surplus: usize::try_from(surplus).unwrap_or_default(),
            next_expiry: next.map(|time| Duration::from_millis(count(time))),
            has_news: false,
            published: count(published),
        })
    }

    pub(super) async fn give_back(&self, relay: Uuid, lanes: &[Lane], mark: Option<&str>) -> Result<(), EventError> {
        sqlx::query(self.statement(RELEASE))
            .bind(relay.to_string())
            .bind(json(&pairs(lanes))?)
            .bind(mark)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(self.error("give lanes back"))
    }

    pub(super) async fn go(&self, relay: Uuid) -> Result<(), EventError> {
        let operation = "give the lanes back";
        let mut transaction = self.begin(operation).await?;
        for statement in [RELEASE_ALL, COUNT_OWN, UNREGISTER] {
            sqlx::query(self.statement(statement))
                .bind(relay.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(self.error(operation))?;
        }
        transaction.commit().await.map_err(self.error(operation))
    }
}

fn lane(row: &SqliteRow) -> Result<Lane, sqlx::Error> {
    Ok(Lane { number: row.try_get("lane")?, term: row.try_get("term")? })
}

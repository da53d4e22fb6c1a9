//! Leases and lanes.

use std::time::Duration;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    super::{
        lanes::{Lane, share},
        queue::{Heartbeat, Holding, milliseconds},
        row::count,
    },
    queue::SqliteStore,
};

impl SqliteStore {
    /// Renews the lease, does what is seldom to be done, and takes free lanes.
    pub(super) async fn hold(
        &self,
        connection: &mut SqliteConnection,
        Heartbeat { relay, lease, delivers, mark, tally }: &Heartbeat,
    ) -> Result<Holding, sqlx::Error> {
        let relay = relay.to_string();
        let published: i64 = sqlx::query_scalar(self.sql.register.clone())
            .bind(&relay)
            .bind(milliseconds(*lease))
            .bind(delivers)
            .bind(mark)
            .bind(i64::try_from(tally.settled).unwrap_or(i64::MAX))
            .bind(i64::try_from(tally.sum()).unwrap_or(i64::MAX))
            .fetch_one(&mut *connection)
            .await?;
        sqlx::query(self.sql.clamp.clone()).bind(&relay).execute(&mut *connection).await?;
        sqlx::query(self.sql.count_old.clone()).execute(&mut *connection).await?;
        sqlx::query(self.sql.sweep_relays.clone()).execute(&mut *connection).await?;
        let delivering: i64 = sqlx::query_scalar(self.sql.crowd.clone()).fetch_one(&mut *connection).await?;
        let own = sqlx::query(self.sql.own.clone()).bind(&relay);
        let mut rows = own.fetch_all(&mut *connection).await?;
        let own = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let wanted = share(delivering) - own;
        if *delivers && 0 < wanted {
            let free: i64 = sqlx::query_scalar(self.sql.free.clone()).fetch_one(&mut *connection).await?;
            if 0 < free {
                for statement in [&self.sql.keep_marks, &self.sql.clear_mark] {
                    sqlx::query(statement.clone()).bind(&relay).execute(&mut *connection).await?;
                }
                sqlx::query(self.sql.take.clone()).bind(&relay).bind(wanted).execute(&mut *connection).await?;
                rows = sqlx::query(self.sql.own.clone()).bind(&relay).fetch_all(&mut *connection).await?;
            }
        }
        let next: Option<i64> =
            sqlx::query_scalar(self.sql.next_expiry.clone()).bind(&relay).fetch_one(&mut *connection).await?;
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
}

fn lane(row: &SqliteRow) -> Result<Lane, sqlx::Error> {
    Ok(Lane { number: row.try_get("lane")?, term: row.try_get("term")? })
}

//! A PostgreSQL database of its own for every test.

use std::str::FromStr;

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use crate::servers;

/// A new database with the outbox's tables, and a pool to it. It is dropped with the server that the test command
/// started; on a server of the user's own, [`drop_database`](Self::drop_database) removes it.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// Connections to it.
    pub pool: PgPool,
    /// Its URL.
    pub url: String,
    admin: String,
    name: String,
}

impl TestDatabase {
    /// Nothing, after reporting `test` as skipped, where the server is missing.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn create(test: &str) -> Option<Self> {
        Some(Self::create_on(servers::postgres(test)?).await)
    }

    /// A new database on the server that `admin` is the URL of.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn create_on(admin: String) -> Self {
        let name = format!("marty_test_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&admin).await.expect("the PostgreSQL server answers");
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await
            .expect("a database can be created");
        let options = PgConnectOptions::from_str(&admin).expect("a PostgreSQL URL").database(&name);
        let pool = PgPoolOptions::new().max_connections(10).connect_with(options).await.expect("a connection");
        marty_events::outbox::migrate(&pool).await.expect("the tables can be made");
        let base = admin.split('?').next().unwrap_or(&admin);
        let server =
            base.rsplit_once('/').filter(|(server, _)| !server.ends_with('/')).map_or(base, |(server, _)| server);
        Self { pool, url: format!("{server}/{name}"), admin, name }
    }

    /// Removes the database and cuts every connection to it.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn drop_database(self) {
        self.pool.close().await;
        let mut connection = PgConnection::connect(&self.admin).await.expect("the PostgreSQL server answers");
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name)))
            .execute(&mut connection)
            .await
            .expect("the database can be dropped");
    }
}

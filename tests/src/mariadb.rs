//! A MariaDB database of its own for every test.

use std::str::FromStr;

use sqlx::{
    AssertSqlSafe, Connection, MySqlConnection, MySqlPool,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
};
use uuid::Uuid;

use crate::servers;

/// A new database with the outbox's tables, and a pool to it. It goes with the server that the test command started.
#[derive(Debug, Clone)]
pub struct MariaDatabase {
    /// Connections to it.
    pub pool: MySqlPool,
    /// Its URL.
    pub url: String,
}

impl MariaDatabase {
    /// Nothing, after reporting `test` as skipped, where the server is missing.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn create(test: &str) -> Option<Self> {
        let admin = servers::mariadb(test)?;
        let name = format!("marty_test_{}", Uuid::now_v7().simple());
        let mut connection = MySqlConnection::connect(&admin).await.expect("the MariaDB server answers");
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await
            .expect("a database can be created");
        let options = MySqlConnectOptions::from_str(&admin).expect("a MySQL URL").database(&name);
        let pool = MySqlPoolOptions::new().max_connections(10).connect_with(options).await.expect("a connection");
        marty_events::outbox::migrate(&pool).await.expect("the tables can be made");
        let server = admin.rsplit_once('/').map_or(admin.as_str(), |(server, _)| server);
        Some(Self { pool, url: format!("{server}/{name}") })
    }
}

use marty_events::{OutboxTransaction, outbox::OutboxPool};
use sqlx::{Database, Error, MySql, MySqlPool, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// The notes that a database keeps beside the events, in their transactions: the truth that the deliveries are compared with.
pub(super) trait Ledger: Clone + Into<OutboxPool> + Send + Sync + 'static {
    type Database: Database<Connection: OutboxTransaction>;

    fn begin(&self) -> impl Future<Output = Result<Transaction<'static, Self::Database>, Error>> + Send;

    /// Makes the tables and the accounts `locked-0` and so on.
    async fn open(&self, accounts: u32);

    /// Locks an account until the transaction ends.
    fn lock(tx: &mut Transaction<'_, Self::Database>, account: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Notes that an event of the account was written.
    fn note(
        tx: &mut Transaction<'_, Self::Database>,
        account: &str,
        id: Uuid,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Cuts about half of the connections to this database.
    async fn cut(&self);

    /// The events that were committed, those of an account in their order.
    async fn history(&self) -> Vec<(String, Uuid)>;
}

impl Ledger for PgPool {
    type Database = Postgres;

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        self.begin().await
    }

    async fn open(&self, accounts: u32) {
        let statements = [
            "CREATE TABLE accounts (account text PRIMARY KEY)",
            "CREATE TABLE history (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text NOT NULL, id uuid NOT NULL)",
        ];
        for statement in statements {
            sqlx::query(statement).execute(self).await.expect("the tables");
        }
        for number in 0..accounts {
            let account = format!("locked-{number}");
            sqlx::query("INSERT INTO accounts VALUES ($1)").bind(account).execute(self).await.expect("an account");
        }
    }

    async fn lock(tx: &mut Transaction<'_, Postgres>, account: &str) -> Result<(), Error> {
        let sql = "SELECT FROM accounts WHERE account = $1 FOR UPDATE";
        sqlx::query(sql).bind(account).execute(&mut **tx).await.map(drop)
    }

    async fn note(tx: &mut Transaction<'_, Postgres>, account: &str, id: Uuid) -> Result<(), Error> {
        let sql = "INSERT INTO history (account, id) VALUES ($1, $2)";
        sqlx::query(sql).bind(account).bind(id).execute(&mut **tx).await.map(drop)
    }

    async fn cut(&self) {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5";
        sqlx::query(sql).execute(self).await.expect("the server answers");
    }

    async fn history(&self) -> Vec<(String, Uuid)> {
        let sql = "SELECT account, id FROM history ORDER BY place";
        sqlx::query_as(sql).fetch_all(self).await.expect("the history")
    }
}

impl Ledger for MySqlPool {
    type Database = MySql;

    async fn begin(&self) -> Result<Transaction<'static, MySql>, Error> {
        self.begin().await
    }

    async fn open(&self, accounts: u32) {
        let statements = [
            "CREATE TABLE accounts (account varchar(40) PRIMARY KEY)",
            "CREATE TABLE history (place bigint AUTO_INCREMENT PRIMARY KEY, account varchar(40) NOT NULL, id binary(16) NOT NULL)",
        ];
        for statement in statements {
            sqlx::query(statement).execute(self).await.expect("the tables");
        }
        for number in 0..accounts {
            let account = format!("locked-{number}");
            sqlx::query("INSERT INTO accounts VALUES (?)").bind(account).execute(self).await.expect("an account");
        }
    }

    async fn lock(tx: &mut Transaction<'_, MySql>, account: &str) -> Result<(), Error> {
        let sql = "SELECT account FROM accounts WHERE account = ? FOR UPDATE";
        sqlx::query(sql).bind(account).execute(&mut **tx).await.map(drop)
    }

    async fn note(tx: &mut Transaction<'_, MySql>, account: &str, id: Uuid) -> Result<(), Error> {
        let sql = "INSERT INTO history (account, id) VALUES (?, ?)";
        sqlx::query(sql).bind(account).bind(id).execute(&mut **tx).await.map(drop)
    }

    async fn cut(&self) {
        let sql = "SELECT id FROM information_schema.processlist
            WHERE db = DATABASE() AND id <> CONNECTION_ID() AND rand() < 0.5";
        let connections: Vec<i64> = sqlx::query_scalar(sql).fetch_all(self).await.expect("the server answers");
        for connection in connections {
            // It may have gone by itself.
            let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("KILL CONNECTION {connection}"))).execute(self).await;
        }
    }

    async fn history(&self) -> Vec<(String, Uuid)> {
        let sql = "SELECT account, id FROM history ORDER BY place";
        sqlx::query_as(sql).fetch_all(self).await.expect("the history")
    }
}

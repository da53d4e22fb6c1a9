//! Tables that a later release, other hands or a broken-off run have made: `migrate` takes them as they are.

use std::str::FromStr;

use marty_events::{
    EventError, EventPublisher, OutboxRepository,
    outbox::{OutboxTable, migrate, migrate_table},
};
use marty_events_tests::{database::TestDatabase, mariadb::MariaDatabase};
use sqlx::{
    AssertSqlSafe, MySqlPool, PgPool, SqlSafeStr, SqlitePool,
    migrate::{Migration, MigrationType},
    postgres::PgConnectOptions,
    sqlite::SqlitePoolOptions,
};
use uuid::Uuid;

use crate::support::{events::numbered, operator::Operator, service::config};

const POSTGRES: [&str; 4] = [
    include_str!("../../../marty-events/migrations/postgres/0001_outbox.sql"),
    include_str!("../../../marty-events/migrations/postgres/0002_lanes.sql"),
    include_str!("../../../marty-events/migrations/postgres/0003_marks.sql"),
    include_str!("../../../marty-events/migrations/postgres/0004_names.sql"),
];
const SQLITE: [&str; 4] = [
    include_str!("../../../marty-events/migrations/sqlite/0001_outbox.sql"),
    include_str!("../../../marty-events/migrations/sqlite/0002_lanes.sql"),
    include_str!("../../../marty-events/migrations/sqlite/0003_leases.sql"),
    include_str!("../../../marty-events/migrations/sqlite/0004_names.sql"),
];
const MYSQL: [&str; 3] = [
    include_str!("../../../marty-events/migrations/mysql/0001_outbox.sql"),
    include_str!("../../../marty-events/migrations/mysql/0002_leases.sql"),
    include_str!("../../../marty-events/migrations/mysql/0003_names.sql"),
];

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

async fn run_in_mariadb(pool: &MySqlPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

async fn in_memory() -> SqlitePool {
    SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.expect("a database")
}

/// An event goes in, and a relay would find all that it needs.
async fn works(outbox: OutboxRepository, table: &OutboxTable) {
    let outbox = outbox.table(table.clone());
    outbox.validate().await.expect("the tables");
    assert_eq!(outbox.stats().await.expect("the counts").dead, 0);
}

/// A checksum as a checkout with other line ends writes it down.
fn of_windows(text: &str) -> Vec<u8> {
    let text = text
        .replace("event_outbox_dead_letters", "\"event_outbox_dead_letters\"")
        .replace("event_outbox_lanes", "\"event_outbox_lanes\"")
        .replace("\"event_outbox_", "\"EVENT_OUTBOX_")
        .replace("event_outbox", "\"event_outbox\"")
        .replace("EVENT_OUTBOX_d", "event_outbox_d")
        .replace("EVENT_OUTBOX_l", "event_outbox_l")
        .replace('\n', "\r\n");
    let sql = AssertSqlSafe(text).into_sql_str();
    Migration::new(1, "outbox".into(), MigrationType::Simple, sql, false).checksum.into_owned()
}

#[tokio::test]
async fn a_version_of_a_later_release_is_left_alone() {
    let Some(database) = TestDatabase::create("a_version_of_a_later_release_is_left_alone").await else { return };
    let later = "(version, description, success, checksum, execution_time) VALUES (99, 'later', true, 'x', 1)";
    run(&database.pool, &format!("INSERT INTO event_outbox_migrations {later}")).await;
    migrate(&database.pool).await.expect("a rolled-back deployment starts");
    let text = Operator::of_database(&database).text(&["migrate"]);
    assert!(text.contains("is up to date"), "{text}");

    let pool = in_memory().await;
    migrate(&pool).await.unwrap();
    let sql = format!("INSERT INTO event_outbox_migrations {later}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    migrate(&pool).await.expect("a rolled-back deployment starts");

    let Some(database) = MariaDatabase::create("a_version_of_a_later_release_is_left_alone").await else { return };
    run_in_mariadb(&database.pool, &format!("INSERT INTO event_outbox_migrations {later}")).await;
    migrate(&database.pool).await.expect("a rolled-back deployment starts");
}

#[tokio::test]
async fn tables_that_the_shipped_sql_made_by_hand_are_taken_over() {
    let test = "tables_that_the_shipped_sql_made_by_hand_are_taken_over";
    let Some(database) = TestDatabase::create(test).await else { return };
    // By hand up to each version, under names of their own.
    for by_hand in 1..=POSTGRES.len() {
        let name = format!("hand_{by_hand}");
        for text in &POSTGRES[..by_hand] {
            run(&database.pool, &text.replace("event_outbox", &name)).await;
        }
        let table: OutboxTable = name.parse().unwrap();
        for _ in 0..2 {
            migrate_table(&database.pool, &table).await.unwrap();
        }
        works(OutboxRepository::new(&database.pool), &table).await;
    }
    let pool = in_memory().await;
    for by_hand in 1..=SQLITE.len() {
        let name = format!("hand_{by_hand}");
        for text in &SQLITE[..by_hand] {
            let sql = AssertSqlSafe(text.replace("event_outbox", &name));
            sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        }
        let table: OutboxTable = name.parse().unwrap();
        for _ in 0..2 {
            migrate_table(&pool, &table).await.unwrap();
        }
        works(OutboxRepository::new(&pool), &table).await;
    }
    let Some(database) = MariaDatabase::create(test).await else { return };
    for by_hand in 1..=MYSQL.len() {
        let name = format!("hand_{by_hand}");
        for text in &MYSQL[..by_hand] {
            run_in_mariadb(&database.pool, &text.replace("event_outbox", &name)).await;
        }
        let table: OutboxTable = name.parse().unwrap();
        for _ in 0..2 {
            migrate_table(&database.pool, &table).await.unwrap();
        }
        works(OutboxRepository::new(&database.pool), &table).await;
    }
}

/// Another schema of the `search_path` has an outbox of its own, which is not taken for this one.
#[tokio::test]
async fn tables_of_another_schema_are_not_taken_over() {
    let Some(database) = TestDatabase::create("tables_of_another_schema_are_not_taken_over").await else { return };
    run(&database.pool, "CREATE SCHEMA tenant").await;
    let options = PgConnectOptions::from_str(&database.url).unwrap().options([("search_path", "tenant, public")]);
    let tenant = PgPool::connect_lazy_with(options);
    migrate(&tenant).await.unwrap();
    works(OutboxRepository::new(&tenant), &OutboxTable::default()).await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'tenant'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&tenant).await.unwrap();
    assert_eq!(tables, 6);
}

#[tokio::test]
async fn line_ends_of_a_checkout_change_no_version() {
    let Some(database) = TestDatabase::create("line_ends_of_a_checkout_change_no_version").await else { return };
    let checksum = async |sum: &[u8]| {
        sqlx::query("UPDATE event_outbox_migrations SET checksum = $1 WHERE version = 1")
            .bind(sum)
            .execute(&database.pool)
            .await
            .unwrap();
    };
    checksum(&of_windows(POSTGRES[0])).await;
    migrate(&database.pool).await.expect("the same text");
    checksum(b"another").await;
    let error = migrate(&database.pool).await.unwrap_err();
    assert!(matches!(error, EventError::Migrate(_)), "{error:?}");
    // A migration that failed holds no lock: the next one does not wait for it.
    assert!(migrate(&PgPool::connect(&database.url).await.unwrap()).await.is_err());
    let answer = Operator::of_database(&database).run(&["migrate"]);
    assert!(answer.code == 1 && answer.complaint.contains("other SQL than the shipped one"), "{answer:?}");
}

/// A deployment's role that owns nothing calls `migrate` at every start.
#[tokio::test]
async fn tables_that_are_up_to_date_need_no_right_to_make_any() {
    let Some(database) = TestDatabase::create("tables_that_are_up_to_date_need_no_right_to_make_any").await else {
        return;
    };
    let role = format!("mere_{}", Uuid::now_v7().simple());
    run(
        &database.pool,
        &format!(
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role} LOGIN PASSWORD 'limited';
            GRANT SELECT ON event_outbox_lanes, event_outbox_migrations TO {role}"
        ),
    )
    .await;
    let options = PgConnectOptions::from_str(&database.url).unwrap().username(&role).password("limited");
    let pool = PgPool::connect_with(options).await.unwrap();
    migrate(&pool).await.expect("nothing is to be made");
    let server = database.url.rsplit_once('@').unwrap().1;
    let operator = Operator::new([("DATABASE_URL", format!("postgres://{role}:limited@{server}"))]);
    let answer = operator.run(&["migrate", "--table", "elsewhere"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    let expected = format!(
        "error: the tables could not be migrated
  because: while executing migrations: error returned from database: permission denied for schema public
  what to do: let the owner of the schema run these statements, or connect as another user
    GRANT CREATE, USAGE ON SCHEMA public TO {role};
"
    );
    assert_eq!(answer.complaint, expected);
}

/// MySQL and MariaDB commit each statement of a migration by itself, so a killed run leaves a part of one.
#[tokio::test]
async fn a_migration_that_broke_off_is_run_again_in_mariadb() {
    let Some(database) = MariaDatabase::create("a_migration_that_broke_off_is_run_again_in_mariadb").await else {
        return;
    };
    run_in_mariadb(
        &database.pool,
        "UPDATE event_outbox_migrations SET success = FALSE WHERE version = 2;
        ALTER TABLE event_outbox_lanes DROP COLUMN mark, ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0",
    )
    .await;
    migrate(&database.pool).await.expect("it goes on");
    works(OutboxRepository::new(&database.pool), &OutboxTable::default()).await;
}

/// A transaction that is to be prepared by a transaction manager.
#[tokio::test]
async fn an_event_is_written_in_an_xa_transaction_of_mariadb() {
    let Some(database) = MariaDatabase::create("an_event_is_written_in_an_xa_transaction_of_mariadb").await else {
        return;
    };
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let mut connection = database.pool.acquire().await.unwrap();
    let xid = format!("'{}'", Uuid::now_v7().simple());
    let mut end = async |ends: &str| {
        sqlx::raw_sql(AssertSqlSafe(format!("XA START {xid}"))).execute(&mut *connection).await.unwrap();
        publisher.publish_in(&mut *connection, numbered("k", 0)).await.unwrap();
        let sql = format!("XA END {xid}; XA PREPARE {xid}; XA {ends} {xid}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
        outbox.stats().await.unwrap().pending
    };
    assert_eq!((end("ROLLBACK").await, end("COMMIT").await), (0, 1));
}

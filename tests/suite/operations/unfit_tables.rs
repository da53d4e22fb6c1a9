//! Tables that hide rows, or keep them from being written: an error at the start, and never a relay that is content.

use std::{str::FromStr, time::Duration};

use marty_events::{
    CancellationToken, EventError, EventPublisher, OutboxRepository,
    outbox::{OutboxTable, migrate, migrate_table},
};
use marty_events_tests::{database::TestDatabase, mariadb::MariaDatabase, wait};
use sqlx::{AssertSqlSafe, MySqlPool, PgPool, postgres::PgConnectOptions, sqlite::SqlitePoolOptions};
use uuid::Uuid;

use crate::support::{
    events::numbered,
    operator::{Operator, assert_check},
    service::{RunningRelay, Service, config},
};

/// Refused because of `table`, for this reason.
fn assert_unfit(answer: Result<(), EventError>, table: &str, reason: &str) {
    let error = answer.expect_err("it is refused");
    assert!(!error.is_retryable(), "{error:?}");
    let EventError::OutboxUnfit { table: found, problem, advice } = error else { panic!("{error:?}") };
    assert!(found.ends_with(table) && problem.contains(reason) && !advice.is_empty(), "{found}: {problem}; {advice}");
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// A role with the rights of a relay in `schema`, and its connections.
async fn role(database: &TestDatabase, schema: &str) -> (String, PgPool) {
    let role = format!("hidden_{}", Uuid::now_v7().simple());
    let grant = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'limited'; GRANT USAGE ON SCHEMA {schema} TO {role};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
    );
    run(&database.pool, &grant).await;
    let options = PgConnectOptions::from_str(&database.url).expect("a URL").username(&role).password("limited");
    (role, PgPool::connect_with(options).await.expect("a pool"))
}

#[tokio::test]
async fn rows_that_a_role_is_not_shown_are_an_error_for_every_table() {
    let test = "rows_that_a_role_is_not_shown_are_an_error_for_every_table";
    let Some(database) = TestDatabase::create(test).await else { return };
    run(&database.pool, "CREATE SCHEMA ledger").await;
    let elsewhere: OutboxTable = "ledger.events".parse().unwrap();
    migrate_table(&database.pool, &elsewhere).await.unwrap();
    for (schema, name, table) in [("public", "event_outbox", OutboxTable::default()), ("ledger", "events", elsewhere)] {
        let (role, pool) = role(&database, schema).await;
        let outbox = OutboxRepository::new(&pool).table(table);
        outbox.validate().await.expect("everything is shown");
        for suffix in ["", "_dead_letters", "_published", "_relays", "_lanes"] {
            let place = format!("{schema}.{name}{suffix}");
            let policy = async |sql: &str| run(&database.pool, &format!("CREATE POLICY {sql}")).await;
            let unfit = async || {
                assert_unfit(outbox.validate().await, &format!("{name}{suffix}"), "row-level security");
            };
            run(&database.pool, &format!("ALTER TABLE {place} ENABLE ROW LEVEL SECURITY")).await;
            unfit().await;
            // Policies for other roles, for a part of the rows, for a part of the rights.
            policy(&format!("other ON {place} TO pg_monitor USING (true)")).await;
            policy(&format!("part ON {place} TO {role} USING (current_user = 'somebody')")).await;
            policy(&format!("reading ON {place} FOR SELECT USING (true)")).await;
            unfit().await;
            policy(&format!("everything ON {place} TO {role} USING (true)")).await;
            outbox.validate().await.expect("a policy shows and takes everything");
            policy(&format!("less ON {place} AS RESTRICTIVE USING (current_user = 'somebody')")).await;
            unfit().await;
            run(&database.pool, &format!("ALTER ROLE {role} BYPASSRLS")).await;
            outbox.validate().await.expect("a role that is above policies");
            run(&database.pool, &format!("ALTER ROLE {role} NOBYPASSRLS")).await;
            run(&database.pool, &format!("ALTER TABLE {place} DISABLE ROW LEVEL SECURITY")).await;
        }
    }
}

#[tokio::test]
async fn a_relay_that_is_shown_nothing_ends_and_doctor_says_why() {
    let test = "a_relay_that_is_shown_nothing_ends_and_doctor_says_why";
    let Some(service) = Service::start(test).await else { return };
    let database = &service.database;
    let (role, pool) = role(database, "public").await;
    run(&database.pool, "ALTER TABLE event_outbox ENABLE ROW LEVEL SECURITY").await;
    let relay = service.relay_in(&pool).build().unwrap().run(CancellationToken::new());
    let ended = tokio::time::timeout(wait::DEADLINE, relay).await.expect("it ends at its start");
    assert_unfit(ended, "event_outbox", "row-level security");

    let server = database.url.rsplit_once('@').unwrap().1;
    let operator = Operator::new([
        ("DATABASE_URL", format!("postgres://{role}:limited@{server}")),
        ("KAFKA_BROKERS", service.publisher.bootstrap_servers().to_owned()),
    ]);
    let report = operator.run(&["doctor", "--json"]);
    assert_eq!(report.code, 3, "{report:?}");
    assert_check(&report, "tables", "failed", "row-level security hides rows", "tables' owner");

    // A writer without a policy is told the same.
    let mut transaction = pool.begin().await.unwrap();
    let refused = service.publisher.publish_in(&mut transaction, numbered("k", 0)).await.map(drop);
    assert_unfit(refused, "event_outbox", "row-level security");
}

#[tokio::test]
async fn what_is_not_a_plain_table_is_refused_in_postgresql() {
    let test = "what_is_not_a_plain_table_is_refused_in_postgresql";
    let Some(database) = TestDatabase::create(test).await else { return };
    let pool = &database.pool;
    let outbox = OutboxRepository::new(pool);
    run(pool, "ALTER TABLE event_outbox_dead_letters RENAME TO letters").await;
    run(pool, "CREATE VIEW event_outbox_dead_letters AS SELECT * FROM letters WHERE attempts < 9").await;
    assert_unfit(outbox.validate().await, "event_outbox_dead_letters", "not a table");
    run(pool, "DROP VIEW event_outbox_dead_letters; ALTER TABLE letters RENAME TO event_outbox_dead_letters").await;
    run(pool, "CREATE RULE keep AS ON DELETE TO event_outbox DO INSTEAD NOTHING").await;
    assert_unfit(outbox.validate().await, "event_outbox", "a rule");
    run(pool, "DROP RULE keep ON event_outbox; DELETE FROM event_outbox_lanes WHERE lane = 5").await;
    assert_unfit(outbox.validate().await, "event_outbox_lanes", "15 of its 16 rows");
    migrate(pool).await.unwrap();
    outbox.validate().await.expect("they are back");
}

const SKIPS: &str = "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'";

#[tokio::test]
async fn an_event_that_a_trigger_drops_is_an_error() {
    let Some(database) = TestDatabase::create("an_event_that_a_trigger_drops_is_an_error").await else { return };
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    run(&database.pool, SKIPS).await;
    run(&database.pool, "CREATE TRIGGER skip BEFORE INSERT ON event_outbox FOR EACH ROW EXECUTE FUNCTION skip()").await;
    for count in [1, 3] {
        let mut transaction = database.pool.begin().await.unwrap();
        let events = (0..count).map(|number| numbered("k", number));
        let refused = publisher.publish_all_in(&mut transaction, events).await.map(drop);
        assert_unfit(refused, "event_outbox", "it took 0 rows");
    }
    let cautions = OutboxRepository::new(&database.pool).cautions().await.unwrap();
    assert!(cautions.iter().any(|caution| caution.contains("a trigger runs before")), "{cautions:?}");
}

#[tokio::test]
async fn a_row_that_a_trigger_keeps_is_not_called_settled() {
    let Some(service) = Service::start("a_row_that_a_trigger_keeps_is_not_called_settled").await else { return };
    let pool = &service.database.pool;
    run(pool, SKIPS).await;
    run(pool, "CREATE TRIGGER skip BEFORE DELETE ON event_outbox FOR EACH ROW EXECUTE FUNCTION skip()").await;
    let relay = RunningRelay::start(service.relay().drain_time(Duration::from_secs(1)));
    let mut transaction = pool.begin().await.unwrap();
    service.publisher.publish_in(&mut transaction, numbered("k", 0)).await.unwrap();
    transaction.commit().await.unwrap();
    service.reader.events(1).await;
    relay.stop().await;
    let stats = OutboxRepository::new(pool).stats().await.unwrap();
    assert_eq!((stats.pending, stats.published, service.reader.records().len()), (1, 0, 1));
}

#[tokio::test]
async fn what_is_not_a_plain_table_is_refused_in_mariadb() {
    let Some(database) = MariaDatabase::create("what_is_not_a_plain_table_is_refused_in_mariadb").await else { return };
    let outbox = OutboxRepository::new(&database.pool);
    let run = async |pool: &MySqlPool, sql: &'static str| sqlx::raw_sql(sql).execute(pool).await.map(drop).unwrap();
    run(&database.pool, "ALTER TABLE event_outbox_dead_letters ENGINE = Aria").await;
    assert_unfit(outbox.validate().await, "event_outbox_dead_letters", "Aria");
    run(
        &database.pool,
        "ALTER TABLE event_outbox_dead_letters ENGINE = InnoDB; DELETE FROM event_outbox_lanes WHERE lane < 4",
    )
    .await;
    assert_unfit(outbox.validate().await, "event_outbox_lanes", "13 of its 16 rows");
    migrate(&database.pool).await.unwrap();
    outbox.validate().await.expect("they are back");
    run(&database.pool, "RENAME TABLE event_outbox TO events; CREATE VIEW event_outbox AS SELECT * FROM events").await;
    assert_unfit(outbox.validate().await, "event_outbox", "not a table");
}

#[tokio::test]
async fn what_is_not_a_plain_table_is_refused_in_sqlite() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    migrate(&pool).await.unwrap();
    let outbox = OutboxRepository::new(&pool);
    let run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&pool).await.map(drop).unwrap();
    outbox.validate().await.expect("tables");
    run("CREATE TRIGGER skip BEFORE INSERT ON event_outbox BEGIN SELECT RAISE(IGNORE); END").await;
    let publisher = EventPublisher::new(&config("127.0.0.1:1", "p")).unwrap();
    let mut transaction = pool.begin().await.unwrap();
    assert_unfit(publisher.publish_in(&mut transaction, numbered("k", 0)).await.map(drop), "event_outbox", "took 0");
    transaction.rollback().await.unwrap();
    assert_eq!(outbox.cautions().await.unwrap().len(), 1);
    run("DROP TRIGGER skip; DELETE FROM event_outbox_lanes WHERE lane = 1").await;
    assert_unfit(outbox.validate().await, "event_outbox_lanes", "15 of its 16 rows");
    migrate(&pool).await.unwrap();
    run("ALTER TABLE event_outbox RENAME TO events; CREATE VIEW event_outbox AS SELECT * FROM events").await;
    assert_unfit(outbox.validate().await, "event_outbox", "not a table");
}

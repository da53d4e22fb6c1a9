//! Tables that cannot serve are refused, and the error names the remedy.

use std::{str::FromStr, time::Duration};

use marty_events::{
    EventError,
    inbox::{Inbox, InboxDatabase, InboxQuery, InboxRepository, InboxTable},
};
use marty_events_tests::{database::TestDatabase, mariadb::MariaDatabase};
use sqlx::{
    AssertSqlSafe, Postgres,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use crate::database::event;

#[tokio::test]
async fn postgres_refuses_tables_that_leave_rows_out() {
    let Some(database) = TestDatabase::create("postgres_refuses_tables_that_leave_rows_out").await else { return };
    marty_events::inbox::migrate(&database.pool).await.unwrap();
    let run = async |sql: &str| {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&database.pool).await.expect("the statement is executed");
    };
    let user = format!("consumer_{}", Uuid::now_v7().simple());
    run(&format!("CREATE ROLE {user} LOGIN PASSWORD 'secret'")).await;
    let options = PgConnectOptions::from_str(&database.url).unwrap().username(&user).password("secret");
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let inbox = InboxRepository::new(&pool);
    let error = inbox.validate().await.expect_err("no right");
    assert!(matches!(error, EventError::InboxForbidden { .. }), "{error:?}");
    assert!(
        error.to_string().contains("GRANT SELECT, INSERT, UPDATE, DELETE ON event_inbox, event_inbox_parked"),
        "{error}"
    );
    run(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON event_inbox, event_inbox_parked TO {user}")).await;
    inbox.validate().await.unwrap();

    for (make, remedy, unmake) in [
        (
            "ALTER TABLE event_inbox ENABLE ROW LEVEL SECURITY",
            "DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE event_inbox DISABLE ROW LEVEL SECURITY",
        ),
        (
            "CREATE FUNCTION ignored() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER ignored BEFORE INSERT ON event_inbox FOR EACH ROW EXECUTE FUNCTION ignored()",
            "DROP TRIGGER",
            "DROP TRIGGER ignored ON event_inbox",
        ),
        (
            "CREATE RULE nothing AS ON INSERT TO event_inbox_parked DO INSTEAD NOTHING",
            "DROP RULE",
            "DROP RULE nothing ON event_inbox_parked",
        ),
        ("ALTER TABLE event_inbox_parked SET UNLOGGED", "SET LOGGED", "ALTER TABLE event_inbox_parked SET LOGGED"),
        (
            "ALTER TABLE event_inbox DROP CONSTRAINT event_inbox_pkey",
            "migrate",
            "ALTER TABLE event_inbox ADD PRIMARY KEY (consumer_group, event_id)",
        ),
    ] {
        run(make).await;
        let error = inbox.validate().await.expect_err(make);
        assert!(matches!(error, EventError::InboxUnfit { .. }), "{error:?}");
        assert!(error.to_string().contains(remedy), "{error}");
        run(unmake).await;
        inbox.validate().await.expect(unmake);
    }
    pool.close().await;
    run(&format!("DROP OWNED BY {user}; DROP ROLE {user}")).await;
}

#[tokio::test]
async fn mariadb_refuses_a_table_without_transactions() {
    let Some(database) = MariaDatabase::create("mariadb_refuses_a_table_without_transactions").await else { return };
    marty_events::inbox::migrate(&database.pool).await.unwrap();
    let inbox = InboxRepository::new(&database.pool);
    inbox.validate().await.unwrap();
    let engine = async |name: &str| {
        let sql = format!("ALTER TABLE event_inbox_parked ROW_FORMAT = DEFAULT, ENGINE = {name}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&database.pool).await.unwrap();
    };
    engine("MyISAM").await;
    let error = inbox.validate().await.expect_err("no transactions");
    assert!(error.to_string().contains("ENGINE = InnoDB"), "{error}");
    engine("InnoDB").await;
    inbox.validate().await.unwrap();
}

/// The server gives a user without rights the same answer where the tables are missing.
#[tokio::test]
async fn mariadb_does_not_tell_a_closed_inbox_from_a_missing_one_and_the_error_has_both_remedies() {
    let test = "mariadb_does_not_tell_a_closed_inbox_from_a_missing_one_and_the_error_has_both_remedies";
    let Some(database) = MariaDatabase::create(test).await else { return };
    let id = &Uuid::new_v4().simple().to_string()[..16];
    let run = async |sql: &str| {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&database.pool).await.expect("the statement is executed");
    };
    run(&format!("CREATE TABLE others (id INT); CREATE USER consumer_{id} IDENTIFIED BY 'limited'; GRANT SELECT ON others TO consumer_{id}")).await;
    let (_, place) = database.url.rsplit_once('@').unwrap();
    let pool = sqlx::MySqlPool::connect(&format!("mysql://consumer_{id}:limited@{place}")).await.unwrap();
    let inbox = InboxRepository::new(&pool);
    let missing = inbox.validate().await.expect_err("no tables");
    marty_events::inbox::migrate(&database.pool).await.unwrap();
    let error = inbox.validate().await.expect_err("no rights");
    assert_eq!(missing.to_string(), error.to_string());
    assert!(error.to_string().contains("there is none") && error.to_string().contains("migrate --inbox"), "{error}");
    let EventError::InboxForbidden { user, grant, .. } = error else { panic!("{error:?}") };
    assert_eq!(user, format!("'consumer_{id}'@'%'"));
    run(&grant).await;
    inbox.validate().await.expect("the rights that the error names");
    run(&format!("DROP USER consumer_{id}")).await;
}

#[tokio::test]
async fn an_inbox_that_is_away_is_told_from_one_that_refuses() {
    let test = "an_inbox_that_is_away_is_told_from_one_that_refuses";
    let Some(database) = TestDatabase::create(test).await else { return };
    let away = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300));
    let away = away.connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
    let error = InboxRepository::new(&away).dead_letters(InboxQuery::default()).await.expect_err("nobody is there");
    assert!(matches!(error, EventError::Inbox { .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(error.to_string(), "the inbox could not list dead letters");

    marty_events::inbox::migrate(&database.pool).await.unwrap();
    sqlx::raw_sql("ALTER TABLE event_inbox ADD CHECK (event_id <> 'k-1')").execute(&database.pool).await.unwrap();
    let inbox = Postgres::inbox(database.pool.clone(), InboxTable::default(), "status-list".into());
    let mut transaction = inbox.begin().await.unwrap();
    let (delivery, identity) = event("k", 1);
    let error = inbox.claim(&mut transaction, &delivery, &identity).await.expect_err("a constraint");
    assert!(matches!(error, EventError::InboxRefused { .. }) && !error.is_retryable(), "{error:?}");
    assert_eq!(error.to_string(), "the inbox could not take an event, and another try does not help");
}

//! Missing rights, named by statements that can be pasted.

use marty_events_tests::{database::TestDatabase, mariadb::MariaDatabase};
use sqlx::AssertSqlSafe;

use crate::support::operator::{Operator, check};

/// A user's report on its rights, with the user's name replaced.
fn found(operator: &Operator, user: &str) -> (String, String) {
    let report = operator.run(&["doctor", "--json", "--timeout", "0s"]);
    let check = check(&report, "privileges");
    let text = |part: &str| check[part].as_str().unwrap_or_default().replace(user, "[user]");
    (text("state"), format!("{}\n{}", text("found"), text("advice")))
}

/// The statements alone, for this user.
fn statements(report: &str, user: &str) -> String {
    let lines = report.lines().map(str::trim_start).filter(|line| line.starts_with("GRANT "));
    lines.collect::<Vec<_>>().join("\n").replace("[user]", user)
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_named_by_statements_that_can_be_pasted() {
    let test = "missing_rights_are_named_by_statements_that_can_be_pasted";
    let Some(database) = TestDatabase::create(test).await else { return };
    let role = format!("limited_{}", uuid::Uuid::now_v7().simple());
    let run = async |sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&database.pool).await.expect("the statements run");
    };
    run(format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'limited'; GRANT SELECT, INSERT, UPDATE, DELETE ON event_outbox TO {role};
         GRANT SELECT ON event_outbox_lanes TO {role}"
    ))
    .await;
    let place = database.url.rsplit_once('@').expect("a user").1;
    let operator = Operator::new([("DATABASE_URL", format!("postgres://{role}:limited@{place}"))]);
    let (state, report) = found(&operator, &role);
    insta::assert_snapshot!(format!("{state} {report}"), @r#"
    failed the database user [user] may not use the outbox
    let the owner of the tables run these statements, or connect as another user
    GRANT SELECT, INSERT, UPDATE, DELETE ON "event_outbox_dead_letters", "event_outbox_published", "event_outbox_relays" TO [user];
    GRANT INSERT, UPDATE, DELETE ON "event_outbox_lanes" TO [user];
    "#);
    let refused = operator.run(&["dead-letters", "list"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.complaint.replace(&role, "[user]"), @r#"
    error: the database user [user] may not use the outbox
      what to do: let the owner of the tables run these statements, or connect as another user
        GRANT SELECT, INSERT, UPDATE, DELETE ON "event_outbox_dead_letters", "event_outbox_published", "event_outbox_relays" TO [user];
        GRANT INSERT, UPDATE, DELETE ON "event_outbox_lanes" TO [user];
    "#);
    run(statements(&report, &role)).await;
    assert_eq!(found(&operator, &role).0, "ok");

    // A schema that is closed.
    run("CREATE SCHEMA ledger".to_owned()).await;
    let owner = Operator::of_database(&database).with("EVENT_OUTBOX_TABLE", "ledger.outbox");
    owner.text(&["migrate"]);
    let operator = operator.with("EVENT_OUTBOX_TABLE", "ledger.outbox");
    let (state, report) = found(&operator, &role);
    insta::assert_snapshot!(format!("{state} {report}"), @r#"
    failed the database user [user] may not use the outbox
    let the owner of the tables run these statements, or connect as another user
    GRANT USAGE ON SCHEMA ledger TO [user];
    GRANT SELECT, INSERT, UPDATE, DELETE ON "ledger"."outbox", "ledger"."outbox_dead_letters", "ledger"."outbox_published", "ledger"."outbox_relays", "ledger"."outbox_lanes" TO [user];
    "#);
    run(statements(&report, &role)).await;
    assert_eq!(found(&operator, &role).0, "ok");

    // A schema in which nothing may be made.
    run(format!("CREATE SCHEMA \"Closed\"; GRANT USAGE ON SCHEMA \"Closed\" TO {role}")).await;
    let refused = operator.run(&["migrate", "--table", "Closed.outbox"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let advice = refused.complaint.replace(&role, "[user]");
    let advice = advice.split("what to do: ").nth(1).expect("advice");
    insta::assert_snapshot!(advice, @r#"
    let the owner of the schema run these statements, or connect as another user
        GRANT CREATE, USAGE ON SCHEMA "Closed" TO [user];
    "#);
    run(statements(advice, &role)).await;
    operator.text(&["migrate", "--table", "Closed.outbox"]);
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_in_mariadb_are_named_by_statements_that_can_be_pasted() {
    let test = "missing_rights_in_mariadb_are_named_by_statements_that_can_be_pasted";
    let Some(database) = MariaDatabase::create(test).await else { return };
    let user = format!("u_{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
    let run = async |sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&database.pool).await.expect("the statements run");
    };
    run(format!("CREATE USER {user} IDENTIFIED BY 'limited'; GRANT SELECT, INSERT ON event_outbox TO {user}")).await;
    let place = database.url.rsplit_once('@').expect("a user").1;
    let operator = Operator::new([("DATABASE_URL", format!("mysql://{user}:limited@{place}"))]);
    let (state, report) = found(&operator, &user);
    insta::assert_snapshot!(format!("{state} {report}"), @r"
    failed the database user '[user]'@'%' may not use the outbox
    let the owner of the tables run these statements, or connect as another user
    GRANT UPDATE, DELETE ON `event_outbox` TO '[user]'@'%';
    GRANT SELECT, INSERT, UPDATE, DELETE ON `event_outbox_dead_letters` TO '[user]'@'%';
    GRANT SELECT, INSERT, UPDATE, DELETE ON `event_outbox_published` TO '[user]'@'%';
    GRANT SELECT, INSERT, UPDATE, DELETE ON `event_outbox_relays` TO '[user]'@'%';
    GRANT SELECT, UPDATE ON `event_outbox_lanes` TO '[user]'@'%';
    GRANT SELECT, UPDATE ON `event_outbox_order_locks` TO '[user]'@'%';
    ");
    run(statements(&report, &user)).await;
    assert_eq!(found(&operator, &user).0, "ok");

    // A database in which nothing may be made.
    let refused = operator.run(&["migrate", "--table", "other"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    run(statements(&refused.complaint, &user)).await;
    operator.text(&["migrate", "--table", "other"]);
    run(format!("DROP USER {user}")).await;
}

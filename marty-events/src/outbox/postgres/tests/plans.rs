use super::*;
use crate::outbox::{postgres::position::PostgresPosition, queue::Settled, queued_row::QueuedRow};

/// The server keeps the plan of a prepared statement. The plan of a small table used to walk over the backlog that came later.
#[tokio::test]
async fn statements_of_a_small_outbox_do_not_walk_over_a_large_one() {
    let test = "statements_of_a_small_outbox_do_not_walk_over_a_large_one";
    let Some(fixture) = Fixture::start(test).await else { return };
    let options = (*fixture.pool.connect_options()).clone();
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let store = PostgresStore::new(pool.clone(), OutboxTable::default()).with_own_pool();
    store.validate().await.unwrap();
    let relay = Uuid::now_v7();
    let lanes = store.heartbeat(&alive(relay), None).await.unwrap().lanes;
    let mut position = PostgresPosition::default();
    for _ in 0..8 {
        fixture.write(2).await;
        let read = store.fetch(&mut position, portion(&lanes)).await.unwrap().rows;
        let rows: Vec<_> = read.iter().map(QueuedRow::row_id).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(store.settle(relay, &lanes, &rows, false).await.unwrap(), Settled::Except(vec![]));
    }
    let sql = "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements WHERE 0 < generic_plans
        AND 0 < cardinality(parameter_types)
        AND (statement LIKE '%DELETE FROM%' OR statement LIKE '%UNION ALL%LIMIT $8%')";
    let statements: Vec<(String, i32)> = sqlx::query_as(sql).fetch_all(&pool).await.unwrap();
    assert_eq!(statements.len(), 2, "{statements:?}");
    for (name, parameters) in statements {
        let nothing = vec!["NULL"; usize::try_from(parameters).unwrap()].join(", ");
        let sql = format!("SET plan_cache_mode = force_generic_plan; EXPLAIN EXECUTE {name}({nothing})");
        let plan = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|line| sqlx::Row::get(line, 0)).collect();
        let walks =
            |line: &String| line.contains("Seq Scan on event_outbox ") || line.ends_with("Seq Scan on event_outbox");
        assert!(!plan.iter().any(walks), "{plan:#?}");
    }
}

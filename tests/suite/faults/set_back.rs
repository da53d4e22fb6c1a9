//! A relay at work while others change the ground under it: the tables, the rights, the server.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use marty_events::{DomainEvent, OutboxRepository};
use marty_events_tests::{faulty_network::FaultyNetwork, logs::Lines, topics, wait};
use sqlx::{AssertSqlSafe, PgPool, postgres::PgConnectOptions};
use tracing::level_filters::LevelFilter;
use uuid::Uuid;

use crate::support::{
    events::numbered,
    service::{RunningRelay, Service},
};

/// Waits until no relay has a lane by a lease that has not run out.
async fn until_idle(pool: &PgPool) {
    let sql = "SELECT count(*) FROM event_outbox_lanes JOIN event_outbox_relays ON relay = owner
        WHERE clock_timestamp() <= expires_at";
    wait::until("lanes without an owner", || async {
        let owned: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.ok()?;
        (owned == 0).then_some(())
    })
    .await;
}

/// A role with the rights of a relay, and a pool of its connections.
struct Limited {
    role: String,
    /// The statement that gives it these rights, and gives them again once they were taken.
    grant: String,
    pool: PgPool,
}

impl Limited {
    async fn create(service: &Service) -> Self {
        let role = format!("limited_{}", Uuid::now_v7().simple());
        let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}");
        let create = format!("CREATE ROLE {role} LOGIN PASSWORD 'limited'; {grant}");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&service.database.pool).await.expect("a role");
        let options =
            PgConnectOptions::from_str(&service.database.url).expect("a URL").username(&role).password("limited");
        let pool = PgPool::connect_with(options).await.expect("a pool");
        Self { role, grant, pool }
    }
}

/// Ends the connection of the settlement that waits for a lock, once there is one.
async fn cut_the_settlement(pool: &PgPool) {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%settled AS (%'";
    wait::until("a settlement that waits", || async {
        (sqlx::query_scalar::<_, i64>(cut).fetch_one(pool).await.ok()? == 1).then_some(())
    })
    .await;
}

/// Waits until a relay has read a page since this time. PostgreSQL shows the first 1,024 bytes of a statement.
async fn until_read_since(pool: &PgPool, time: &str) {
    let read = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'
        AND query LIKE '%, late AS MATERIALIZED (%' AND query NOT LIKE '%pg_stat_activity%'
        AND $1::timestamptz < query_start";
    wait::until("a page", || async {
        (0 < sqlx::query_scalar::<_, i64>(read).bind(time).fetch_one(pool).await.ok()?).then_some(())
    })
    .await;
}

async fn write(service: &Service, number: usize) -> Uuid {
    let mut transaction = service.database.pool.begin().await.expect("a transaction");
    sqlx::query("SET LOCAL transaction_read_only = off").execute(&mut *transaction).await.expect("it can be set");
    let id = service.publisher.publish_in(&mut transaction, numbered("k", number)).await.expect("it is written");
    transaction.commit().await.expect("the commit");
    id
}

#[tokio::test]
async fn what_is_written_after_an_outbox_was_set_back_is_not_taken_for_what_was_there_before() {
    let test = "what_is_written_after_an_outbox_was_set_back_is_not_taken_for_what_was_there_before";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let (brokers, topic) =
        (service.publisher.bootstrap_servers().to_owned(), format!("{}.suite.account.moved", service.prefix));
    topics::create(&brokers, &topic, 2_000).await;
    let network = FaultyNetwork::start().await;
    let by_network = PgPool::connect_lazy(&network.url(&service.database.url)).unwrap();
    let relay = service.relay_in(&by_network).retry_delay(Duration::from_secs(3)).give_up(false);
    let relay = RunningRelay::start(relay);
    let mut transaction = pool.begin().await.unwrap();
    let before = DomainEvent::new("account", "before", "moved").data(&"x".repeat(5_000));
    service.publisher.publish_in(&mut transaction, before).await.unwrap();
    transaction.commit().await.unwrap();
    let outbox = OutboxRepository::new(pool);
    wait::until("a refusal", || async { (1 <= outbox.pending(1).await.ok()?[0].attempts).then_some(()) }).await;

    // As a restore does, or another server that had not heard of it yet: the same numbers are given again.
    let mut restored = pool.begin().await.unwrap();
    sqlx::query("TRUNCATE event_outbox RESTART IDENTITY").execute(&mut *restored).await.unwrap();
    let after = service.publisher.publish_in(&mut restored, numbered("after", 0)).await.unwrap();
    restored.commit().await.unwrap();
    topics::widen(&brokers, &topic, 100_000).await;
    network.cut();
    wait::until("what was written after", || async {
        let records = service.reader.records();
        records.iter().any(|record| record.id() == Some(after.to_string().as_str())).then_some(())
    })
    .await;
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
}

#[tokio::test]
async fn what_was_delivered_before_an_outbox_was_set_back_is_not_settled_by_its_number_alone() {
    let test = "what_was_delivered_before_an_outbox_was_set_back_is_not_settled_by_its_number_alone";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let brokers = service.publisher.bootstrap_servers();
    let network = FaultyNetwork::start().await;
    // Nobody listens there, so the event stays in flight.
    network.lead_to("127.0.0.1:1");
    let config = crate::support::service::config(&network.address(), &service.prefix);
    // It asks for nothing while it is told of nothing.
    let hour = Duration::from_hours(1);
    let relay = service.relay().config(config).lease_time(hour).idle_poll(hour).listen(false);
    let relay = RunningRelay::start(relay);
    write(&service, 0).await;
    let outbox = OutboxRepository::new(pool);
    let written: String = sqlx::query_scalar("SELECT clock_timestamp()::text").fetch_one(pool).await.unwrap();
    // It tells the relays of this process that there is something to read.
    outbox.requeue(&[]).await.unwrap();
    until_read_since(pool, &written).await;
    let set_back = "
        CREATE TABLE elsewhere AS SELECT * FROM event_outbox;
        DELETE FROM event_outbox;
        SELECT setval(pg_get_serial_sequence('event_outbox', 'seq'), 1, false);
        INSERT INTO event_outbox (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload)
        SELECT gen_random_uuid(), event_type, topic, record_key, ordering_key, key_hash, headers, payload FROM elsewhere";
    sqlx::raw_sql(set_back).execute(pool).await.unwrap();
    let after = outbox.pending(9).await.unwrap();
    assert_eq!(after.iter().map(|event| event.seq).collect::<Vec<_>>(), [1]);
    network.lead_to(brokers);
    service.reader.events(1).await;
    // It settles the events that it has sent before it ends.
    relay.stop().await;
    assert_eq!(outbox.pending(9).await.unwrap(), after);
}

#[tokio::test]
async fn a_relay_whose_tables_are_dropped_goes_on_when_they_are_there_again() {
    let test = "a_relay_whose_tables_are_dropped_goes_on_when_they_are_there_again";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let relay = service.run_relay();
    write(&service, 0).await;
    service.reader.events(1).await;
    let tables = "DROP TABLE event_outbox, event_outbox_dead_letters, event_outbox_published, event_outbox_relays,
        event_outbox_lanes, event_outbox_migrations";
    sqlx::raw_sql(tables).execute(pool).await.unwrap();
    marty_events::outbox::migrate(pool).await.unwrap();
    write(&service, 1).await;
    service.reader.events(2).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_whose_rights_are_taken_goes_on_when_it_has_them_again() {
    let test = "a_relay_whose_rights_are_taken_goes_on_when_it_has_them_again";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    let run = async |sql: String| sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop).unwrap();
    let Limited { role, grant, pool: fickle } = Limited::create(&service).await;
    let relay = RunningRelay::start(service.relay_in(&fickle));
    write(&service, 0).await;
    service.reader.events(1).await;
    run(format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")).await;
    until_idle(pool).await;
    write(&service, 1).await;
    run(grant).await;
    service.reader.events(2).await;
    relay.stop().await;
    fickle.close().await;
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// Without the settlement, the next relay would deliver the event again.
#[tokio::test]
async fn what_was_delivered_is_settled_where_nothing_can_be_read() {
    let Some(service) = Service::start("what_was_delivered_is_settled_where_nothing_can_be_read").await else { return };
    let pool = &service.database.pool;
    let run = async |sql: String| sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop).unwrap();
    let Limited { role, grant, pool: blind } = Limited::create(&service).await;
    write(&service, 0).await;
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("SELECT seq FROM event_outbox FOR UPDATE").fetch_one(&mut *lock).await.unwrap();
    let relay = RunningRelay::start(service.relay_in(&blind));
    service.reader.events(1).await;

    // The settlement that waits for the row fails, and from then on no payload can be read.
    run(format!(
        "REVOKE SELECT ON event_outbox FROM {role};
         GRANT SELECT (seq, event_id, topic, record_key, ordering_key, key_hash, xid) ON event_outbox TO {role}"
    ))
    .await;
    let unread = write(&service, 1).await;
    cut_the_settlement(pool).await;
    lock.rollback().await.unwrap();
    let outbox = OutboxRepository::new(pool);
    wait::until("the settlement", || async {
        let pending = outbox.pending(9).await.ok()?;
        (pending.len() == 1 && pending[0].event_id == unread).then_some(())
    })
    .await;
    assert_eq!(service.reader.records().len(), 1, "nothing more could be read");
    run(grant).await;
    service.reader.events(2).await;
    relay.stop().await;
    blind.close().await;
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// After a heartbeat that failed, the outbox is read again from the mark, while the settlement waits.
#[tokio::test]
async fn what_is_settled_while_it_is_read_once_more_is_not_sent_once_more() {
    let test = "what_is_settled_while_it_is_read_once_more_is_not_sent_once_more";
    let Some(service) = Service::start(test).await else { return };
    let pool = &service.database.pool;
    write(&service, 0).await;
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("SELECT seq FROM event_outbox FOR UPDATE").fetch_one(&mut *lock).await.unwrap();
    let lines = Lines::default();
    let relay = service.relay().lease_time(wait::patient(Duration::from_secs(4)));
    let relay = RunningRelay::start_under(relay, lines.of(LevelFilter::DEBUG));
    service.reader.events(1).await;
    let mut heartbeats = pool.begin().await.unwrap();
    sqlx::query("SELECT relay FROM event_outbox_relays FOR UPDATE").fetch_one(&mut *heartbeats).await.unwrap();
    let begin = Instant::now();
    let has_failed = |line: &str| {
        line.contains("met another transaction") && line.contains("heartbeats")
            || line.contains("cannot reach the outbox")
    };
    while !lines.text().lines().any(has_failed) {
        wait::assert_within(begin, wait::DEADLINE, format_args!("a heartbeat that failed: {}", lines.text()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let failed: String = sqlx::query_scalar("SELECT clock_timestamp()::text").fetch_one(pool).await.unwrap();
    heartbeats.rollback().await.unwrap();
    until_read_since(pool, &failed).await;
    lock.rollback().await.unwrap();
    write(&service, 1).await;
    service.reader.events(2).await;
    let outbox = OutboxRepository::new(pool);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    relay.stop().await;
    let brokers = service.publisher.bootstrap_servers();
    assert_eq!(topics::records(brokers, &service.prefix).await, 2, "each was sent once");
}

/// After a failover, a pool may hold connections to the server that is read-only now for as long as they live.
#[tokio::test]
async fn a_relay_leaves_connections_that_are_read_only() {
    let Some(service) = Service::start("a_relay_leaves_connections_that_are_read_only").await else { return };
    let pool = &service.database.pool;
    // A session keeps the settings that it began with.
    let mut elder = pool.acquire().await.unwrap();
    let mut run = async |sql: &str| sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *elder).await.map(drop);
    let others = PgPool::connect(&service.database.url).await.unwrap();
    let relay = RunningRelay::start(service.relay_in(&others));
    write(&service, 0).await;
    service.reader.events(1).await;
    let name = service.database.url.rsplit('/').next().unwrap();
    let failures = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    let rolled_back: i64 = sqlx::query_scalar(failures).fetch_one(pool).await.unwrap();
    run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    run(cut).await.unwrap();
    wait::until("a relay that may not write", || async {
        (rolled_back + 3 <= sqlx::query_scalar(failures).fetch_one(pool).await.ok()?).then_some(())
    })
    .await;
    until_idle(pool).await;
    run(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await.unwrap();
    write(&service, 1).await;
    service.reader.events(2).await;
    relay.stop().await;
}

/// A broker that makes topics by itself makes a deleted one again.
#[tokio::test]
async fn a_topic_that_is_deleted_costs_no_event_that_was_not_in_it() {
    let Some(service) = Service::start("a_topic_that_is_deleted_costs_no_event_that_was_not_in_it").await else {
        return;
    };
    let (brokers, topic) =
        (service.publisher.bootstrap_servers().to_owned(), format!("{}.suite.account.moved", service.prefix));
    let outbox = OutboxRepository::new(&service.database.pool);
    let relay = service.run_relay();
    let until_empty = async || {
        wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    };
    for number in 0..20 {
        write(&service, number).await;
    }
    until_empty().await;
    topics::delete(&brokers, &topic).await;
    for number in 20..40 {
        write(&service, number).await;
    }
    until_empty().await;
    relay.stop().await;
    let stats = outbox.stats().await.unwrap();
    println!("{stats:?}");
    let kept = u64::try_from(topics::records(&brokers, &service.prefix).await).unwrap();
    assert_eq!(kept + stats.dead, 20, "{stats:?}");
}

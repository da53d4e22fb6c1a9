//! An event's cost in the caller's transaction, counted between the client and the server.

use std::str::FromStr;

use marty_events::{
    AuditEventType, DomainEvent, EventPublisher, EventsGuard, NotificationEventType, audit_event, domain_event,
    notification_event,
};
use marty_events_tests::{
    counting_proxy::{CountingProxy, Sent},
    database::TestDatabase,
    failure::Failure,
};
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres, Transaction, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

/// The process's publisher, which annotated methods use. Nothing here is sent to its broker.
async fn publisher() -> EventPublisher {
    static EVENTS: OnceCell<EventsGuard> = OnceCell::const_new();
    let register = async || marty_events::init_with(crate::support::service::config("127.0.0.1:1", "marty")).await;
    EVENTS.get_or_try_init(register).await.expect("the first registration").publisher()
}

async fn insert(connection: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO accounts (id) VALUES ($1)").bind(id).execute(connection).await.map(drop)
}

#[audit_event(
    event_type = AuditEventType::DataCreated,
    action = "open",
    resource_type = "account",
    resource_id_field = "id"
)]
#[domain_event(aggregate_type = "account", event_type = "opened", aggregate_id_field = "id", data(id))]
#[notification_event(
    event_type = NotificationEventType::UserWelcome,
    recipient_type = "account",
    recipient_id_field = "id",
    subject = "Welcome",
    message = "Account {id} is open"
)]
async fn open(tx: &mut Transaction<'_, Postgres>, id: i64) -> Result<(), Failure> {
    Ok(insert(tx, id).await?)
}

fn opened(id: i64) -> DomainEvent {
    DomainEvent::new("account", id, "opened").data(&"x".repeat(1_000))
}

/// A connection through the proxy, in a database with a table `accounts`.
struct CountedConnection {
    database: TestDatabase,
    proxy: CountingProxy,
    connection: PgConnection,
    next: i64,
}

impl CountedConnection {
    async fn start(test: &str) -> Option<Self> {
        let database = TestDatabase::create(test).await?;
        sqlx::query("CREATE TABLE accounts (id bigint PRIMARY KEY)").execute(&database.pool).await.expect("a table");
        let options = PgConnectOptions::from_str(&database.url).expect("a URL");
        let proxy = CountingProxy::start(&options).await;
        let connection = proxy.options(options).connect().await.expect("a connection");
        Some(Self { database, proxy, connection, next: 0 })
    }

    /// The messages of a transaction. `work` does its work, and is given a new id.
    async fn transaction(&mut self, work: impl AsyncFnOnce(&mut Transaction<'_, Postgres>, i64)) -> Sent {
        self.next += 1;
        let before = self.proxy.sent();
        let mut transaction = self.connection.begin().await.expect("a transaction");
        work(&mut transaction, self.next).await;
        transaction.commit().await.expect("a commit");
        self.proxy.sent() - before
    }

    /// The messages of the transaction without an event, once its statement is prepared: `BEGIN`, the statement, `COMMIT`.
    async fn plain(&mut self) -> Sent {
        let insert = async |tx: &mut Transaction<'_, Postgres>, id| insert(tx, id).await.expect("a new account");
        self.transaction(insert).await;
        let plain = self.transaction(insert).await;
        assert_eq!(plain, Sent { queries: 2, executed: 1, synced: 1, ..Sent::default() });
        assert_eq!(plain.round_trips(), 3);
        plain
    }

    async fn events(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM event_outbox").fetch_one(&self.database.pool);
        count.await.expect("the events")
    }
}

/// One statement, prepared before: one message that runs it, one round trip.
const ONE_STATEMENT: Sent = Sent { parsed: 0, executed: 1, queries: 0, synced: 1, flushed: 0 };

/// The same for the first time on a connection: preparing it is a round trip of its own.
const FIRST_STATEMENT: Sent = Sent { parsed: 1, executed: 1, queries: 0, synced: 2, flushed: 0 };

#[tokio::test]
async fn three_attributes_on_one_method_cost_one_round_trip_together() {
    let test = "three_attributes_on_one_method_cost_one_round_trip_together";
    let Some(mut counted) = CountedConnection::start(test).await else { return };
    publisher().await;
    let plain = counted.plain().await;
    let open = async |tx: &mut Transaction<'_, Postgres>, id| open(tx, id).await.unwrap();
    assert_eq!(counted.transaction(open).await - plain, FIRST_STATEMENT);
    for _ in 0..3 {
        assert_eq!(counted.transaction(open).await - plain, ONE_STATEMENT);
    }
    assert_eq!(counted.events().await, 12, "three a call");
}

#[tokio::test]
async fn a_hundred_events_cost_one_round_trip_together() {
    let Some(mut counted) = CountedConnection::start("a_hundred_events_cost_one_round_trip_together").await else {
        return;
    };
    let publisher = publisher().await;
    let plain = counted.plain().await;
    let publish = async |tx: &mut Transaction<'_, Postgres>, id| {
        insert(tx, id).await.unwrap();
        publisher.publish_all_in(tx, (0..100).map(opened)).await.unwrap();
    };
    assert_eq!(counted.transaction(publish).await - plain, FIRST_STATEMENT);
    for _ in 0..3 {
        assert_eq!(counted.transaction(publish).await - plain, ONE_STATEMENT);
    }
    assert_eq!(counted.events().await, 400);
}

#[tokio::test]
async fn one_event_and_many_are_a_statement_each_that_is_prepared_once() {
    let Some(mut counted) =
        CountedConnection::start("one_event_and_many_are_a_statement_each_that_is_prepared_once").await
    else {
        return;
    };
    let publisher = publisher().await;
    let plain = counted.plain().await;
    let publish = async |tx: &mut Transaction<'_, Postgres>, id| {
        insert(tx, id).await.unwrap();
        publisher.publish_in(tx, opened(id)).await.unwrap();
    };
    let open = async |tx: &mut Transaction<'_, Postgres>, id| open(tx, id).await.unwrap();
    assert_eq!(counted.transaction(open).await - plain, FIRST_STATEMENT);
    assert_eq!(counted.transaction(publish).await - plain, FIRST_STATEMENT);
    for _ in 0..3 {
        assert_eq!(counted.transaction(publish).await - plain, ONE_STATEMENT, "nothing is prepared again");
        assert_eq!(counted.transaction(open).await - plain, ONE_STATEMENT, "nothing is prepared again");
        // Long enough for the next event to be announced.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn a_transaction_begun_by_hand_costs_one_more_round_trip_and_no_events_cost_none() {
    let test = "a_transaction_begun_by_hand_costs_one_more_round_trip_and_no_events_cost_none";
    let Some(mut counted) = CountedConnection::start(test).await else { return };
    let publisher = publisher().await;
    let mut sent = Vec::new();
    for count in [1, 1, 0] {
        sqlx::raw_sql("BEGIN").execute(&mut counted.connection).await.unwrap();
        let before = counted.proxy.sent();
        publisher.publish_all_in(&mut counted.connection, (0..count).map(opened)).await.unwrap();
        sent.push(counted.proxy.sent() - before);
        sqlx::raw_sql("COMMIT").execute(&mut counted.connection).await.unwrap();
    }
    assert_eq!(sent[1], Sent { queries: 1, ..ONE_STATEMENT }, "the server is asked whether there is a transaction");
    assert_eq!(sent[2], Sent::default());
}

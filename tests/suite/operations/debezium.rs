//! docs/guide/debezium.md, run as it is written: Kafka Connect sends the same records as the relay.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use marty_events::{
    AuditEvent, AuditEventType, CustomEvent, DomainEvent, Event, EventContext, NotificationEvent, NotificationEventType,
};
use marty_events_tests::{
    database::TestDatabase,
    kafka::{Raw, RawReader},
    printed,
    private_servers::Server,
    servers, wait,
};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::support::{
    kafka_connect::{Connect, Worker},
    service::Service,
};

const PAGE: &str = "docs/guide/debezium.md";

/// Runs statements of the page as a role of a test's own server.
async fn run_as(pool: &PgPool, role: &str, statements: &str) {
    let text = format!("SET ROLE {role}; {statements}; RESET ROLE;");
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(pool)
        .await
        .unwrap_or_else(|error| panic!("{role}: {error}\n{statements}"));
}

/// An event of each kind, with and without each header that may be absent, and of each of ten keys.
fn events(round: &str) -> Vec<(EventContext, Event)> {
    let traced = |state: Option<&str>| {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        EventContext::new().trace(parent, state.map(str::to_owned))
    };
    let odd = "a \"quoted\" \u{20ac} key\\, with\u{a0}a space";
    let data =
        serde_json::json!({"number": 1.0, "text": "\u{1f600} \"x\" \\", "nothing": null, "list": [1, 2.50, -3e-7]});
    let domain = |key: &str| DomainEvent::new("user", key, "created").data(&data);
    let audit = || AuditEvent::new(AuditEventType::ServiceStarted, "start", "service");
    let custom = |topic: &str| CustomEvent::new(topic, "1.0").data(&data);
    let mut events: Vec<(EventContext, Event)> =
        (0..10).map(|key| (EventContext::new(), domain(&format!("{round}-{key}")).into())).collect();
    events.extend([
        (traced(None), domain(odd).into()),
        (traced(Some("vendor=1,other=\"a=b\"")), domain("true").into()),
        (EventContext::new(), audit().into()),
        (traced(Some("v=1")), audit().resource_id("1.0").into()),
        (traced(None), audit().into()),
        (traced(None), NotificationEvent::new(NotificationEventType::UserWelcome, "user", ["u-1"]).into()),
        (EventContext::new(), custom("no-traceparent").key("null").into()),
        (traced(Some("v=2")), custom("no-ce_subject").into()),
    ]);
    events
}

/// Writes them as the user who has the rights that docs/security.md gives to writers.
async fn publish(service: &Service, round: &str) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    for (context, event) in events(round) {
        let mut transaction = service.database.pool.begin().await.expect("a transaction");
        sqlx::query("SET LOCAL ROLE events_writer").execute(&mut *transaction).await.expect("the role");
        let published = context.scope(service.publisher.publish_in(&mut transaction, event)).await;
        ids.insert(published.expect("the event is written"));
        transaction.commit().await.expect("a commit");
    }
    ids
}

/// The page's steps for the database's administrator, by the roles that it names.
async fn prepare(pool: &PgPool) {
    for statement in ["CREATE ROLE keeper", "GRANT CREATE, USAGE ON SCHEMA public TO keeper"] {
        run_as(pool, "marty", statement).await;
    }
    run_as(pool, "marty", "ALTER TABLE event_outbox OWNER TO keeper").await;
    run_as(pool, "keeper", &printed::under(PAGE, "The database", "sql owner")).await;
    run_as(pool, "marty", &printed::under(PAGE, "The database", "sql superuser")).await;
}

/// Starts the page's worker and its connector, by the page's properties and commands. Only names and places are this test's.
async fn connect(connect: &Connect, folder: &Path, brokers: &str, database_url: &str) -> Worker {
    let address = Connect::address();
    let path = |name: &str| folder.join(name).display().to_string();
    for name in ["secrets", "plugins"] {
        fs::create_dir(folder.join(name)).expect("a directory");
    }
    fs::write(folder.join("secrets/debezium"), "password=change-me\n").expect("a file");
    let properties = printed::only(PAGE, "properties");
    let properties = printed::with(&properties, "kafka:9092", brokers);
    let properties = printed::with(&properties, "http://127.0.0.1:8083", &address);
    let properties = printed::with(&properties, "/opt/connect/plugins", &path("plugins"));
    let properties = printed::with(&properties, "/var/lib/connect/offsets", &path("offsets"));
    let properties = printed::with(&properties, "/run/secrets", &path("secrets"));
    let worker = connect.start(folder, &address, &properties).await;

    let (_, place) = database_url.split_once('@').expect("a user");
    let (host, database) = place.split_once('/').expect("a database");
    let (host, port) = host.split_once(':').expect("a port");
    let json = printed::only(PAGE, "json");
    let json = printed::with(&json, "\"db\"", &format!("\"{host}\""));
    let json = printed::with(&json, "\"5432\"", &format!("\"{port}\""));
    let json = printed::with(&json, "\"users\"", &format!("\"{database}\""));
    let json = printed::with(&json, "/run/secrets", &path("secrets"));
    fs::write(folder.join("connector.json"), json).expect("a file");
    let commands = printed::with(&printed::only(PAGE, "sh"), "http://127.0.0.1:8083", &address);
    let said = Command::new("bash").args(["-euc", &commands]).current_dir(folder).output().expect("bash runs");
    assert!(said.status.success(), "{}\n{}", String::from_utf8_lossy(&said.stdout), worker.log());
    wait::until("the connector to run", || async { worker.runs("users-outbox").then_some(()) }).await;
    worker
}

fn by_id(records: Vec<Raw>) -> BTreeMap<Uuid, Vec<Raw>> {
    let mut by_id: BTreeMap<Uuid, Vec<Raw>> = BTreeMap::new();
    for record in records {
        by_id.entry(record.id()).or_default().push(record);
    }
    by_id
}

/// Waits for `count` records, with the worker's log where they do not come.
async fn records(reader: &RawReader, count: usize) -> Vec<Raw> {
    wait::until(&format!("{count} records"), || async {
        let records = reader.records();
        (count <= records.len()).then_some(records)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debezium_sends_the_records_that_the_relay_sends() {
    let test = "debezium_sends_the_records_that_the_relay_sends";
    let (Some(brokers), Some(_)) = (servers::kafka(test), servers::postgres(test)) else { return };
    let Some(java) = Connect::find(test) else { return };
    let settings = printed::only(PAGE, "ini");
    let (_server, admin) = tokio::task::spawn_blocking(move || Server::postgres_with(&settings)).await.unwrap();
    let service = Service::on(TestDatabase::create_on(admin).await, &brokers);
    let pool = &service.database.pool;
    let writer = printed::under("docs/security.md", "PostgreSQL", "sql writer");
    run_as(pool, "marty", &format!("CREATE ROLE events_writer; {writer}")).await;
    let reader = RawReader::start(&brokers, &service.prefix);

    // Some events are there before the columns are, and some before the connector is.
    let mut ids = publish(&service, "before").await;
    prepare(pool).await;
    ids.extend(publish(&service, "snapshot").await);
    let folder = tempfile::tempdir().unwrap();
    let worker = connect(&java, folder.path(), &brokers, &service.database.url).await;
    ids.extend(publish(&service, "stream").await);
    let of_connect = by_id(records(&reader, ids.len()).await);
    assert_eq!(of_connect.keys().copied().collect::<BTreeSet<_>>(), ids, "{}", worker.log());

    // The rows are there, since Debezium leaves them. The page's statement deletes those of yesterday and no others.
    let old = ids.iter().next().unwrap();
    let aged = "UPDATE event_outbox SET created_at = now() - interval '25 hours' WHERE event_id = $1";
    sqlx::query(aged).bind(old).execute(pool).await.unwrap();
    run_as(pool, "keeper", &printed::under(PAGE, "Deleting what was read", "sql owner")).await;
    let left: Vec<Uuid> = sqlx::query_scalar("SELECT event_id FROM event_outbox").fetch_all(pool).await.unwrap();
    assert_eq!(left.len(), ids.len() - 1);
    assert!(!left.contains(old));

    // Back to the relay, which delivers the rows once more.
    worker.stop().await;
    wait::until("the slot to be free", || async {
        let active = "SELECT 1 FROM pg_replication_slots WHERE active";
        sqlx::query(active).fetch_all(pool).await.ok()?.is_empty().then_some(())
    })
    .await;
    run_as(pool, "marty", &printed::under(PAGE, "Back to the relay", "sql superuser")).await;
    let relay = service.run_relay();
    let both = by_id(records(&reader, ids.len() + left.len()).await);
    relay.stop().await;

    let mut partitions = BTreeSet::new();
    for (id, records) in &both {
        let (first, second) = match &records[..] {
            [_] if id == old => continue,
            [first, second] => (first, second),
            other => panic!("{id} has {} records", other.len()),
        };
        assert_eq!((&first.topic, &first.key, &first.value), (&second.topic, &second.key, &second.value));
        assert_eq!(first.headers, second.headers, "{}: {}", first.topic, String::from_utf8_lossy(&first.value));
        // Without a key each sender chooses by chance.
        if first.key.is_some() {
            assert_eq!(first.partition, second.partition, "{first:?}");
            partitions.insert(first.partition);
        }
    }
    assert!(1 < partitions.len(), "keys of several partitions were compared: {partitions:?}");

    let count = ids.len() + left.len();
    let mut read = BTreeMap::new();
    for event in java.cloud_events(&brokers, &service.prefix, count) {
        *read.entry(event).or_insert(0) += 1;
    }
    assert_eq!(read.values().sum::<usize>(), count, "every record is a CloudEvent");
    for (event, times) in &read {
        assert!(*times == 2 || event.contains(&format!("id='{old}'")), "{times} times: {event}");
    }
    assert!(read.keys().any(|event| event.contains("subject='true'")), "{read:?}");
}

//! The worker of `outbox-core` and `outbox-postgres` at a backlog that is copied from `event_outbox` into its own table, by the SQL that
//! the crate ships (in `MIGRATIONS`). `TRANSPORT` is `none`, or `kafka`: each event awaited, as the worker asks for it.

use std::{
    env, fs,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use outbox_core::prelude::*;
use outbox_postgres::PostgresOutbox;
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::{Notify, watch};

type Failure = Box<dyn std::error::Error>;

struct Counting {
    events: u64,
    seen: AtomicU64,
    begin: OnceLock<Instant>,
    done: Notify,
    kafka: Option<(FutureProducer, String)>,
}

#[async_trait::async_trait]
impl Transport<Value> for Counting {
    async fn publish(&self, event: Event<Value>) -> Result<(), OutboxError> {
        self.begin.get_or_init(Instant::now);
        if let Some((producer, topic)) = &self.kafka {
            let failed = |problem: String| OutboxError::InfrastructureError(problem);
            let payload =
                serde_json::to_vec(event.payload.as_value()).map_err(|error| failed(error.to_string()))?;
            let key = event.id.as_uuid().to_string();
            let delivery = producer.send_result(FutureRecord::to(topic).key(&key).payload(&payload));
            let delivery = delivery.map_err(|(error, _)| failed(error.to_string()))?;
            delivery.await.map_err(|error| failed(error.to_string()))?.map_err(|(error, _)| failed(error.to_string()))?;
        }
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.events {
            self.done.notify_one();
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let pool = PgPool::connect(&env::var("DATABASE_URL")?).await?;
    let mut migrations: Vec<_> = fs::read_dir(env::var("MIGRATIONS")?)?.collect::<Result<_, _>>()?;
    migrations.sort_by_key(std::fs::DirEntry::file_name);
    for migration in migrations {
        sqlx::raw_sql(&fs::read_to_string(migration.path())?).execute(&pool).await?;
    }
    let copy = "INSERT INTO outbox_events (event_type, payload)
        SELECT event_type, convert_from(payload, 'UTF8')::jsonb FROM event_outbox ORDER BY seq";
    sqlx::raw_sql(copy).execute(&pool).await?;
    sqlx::raw_sql("ANALYZE outbox_events").execute(&pool).await?;

    let kafka = match env::var("TRANSPORT")?.as_str() {
        "kafka" => {
            let producer: FutureProducer = ClientConfig::new()
                .set("bootstrap.servers", env::var("KAFKA_BROKERS")?)
                .set("acks", "all")
                .set("enable.idempotence", "true")
                .set("linger.ms", "0")
                .create()?;
            Some((producer, env::var("TOPIC")?))
        }
        _ => None,
    };
    let transport = Arc::new(Counting {
        events: env::var("EVENTS")?.parse()?,
        seen: AtomicU64::new(0),
        begin: OnceLock::new(),
        done: Notify::new(),
        kafka,
    });
    let mut config = OutboxConfig::default();
    config.batch_size = env::var("BATCH")?.parse()?;
    let config = Arc::new(config);
    let (_stop, stopped) = watch::channel(false);
    let manager = OutboxManagerBuilder::new()
        .storage(Arc::new(PostgresOutbox::<Value>::new(pool, config.clone())))
        .publisher(transport.clone())
        .config(config)
        .shutdown_rx(stopped)
        .build()?;
    tokio::spawn(manager.run());
    transport.done.notified().await;
    println!("{}", transport.begin.get().ok_or("nothing was published")?.elapsed().as_secs_f64());
    Ok(())
}

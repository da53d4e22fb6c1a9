//! As it was: the service makes the envelope itself, keeps it in a table of its own, and polls that table into Kafka.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use serde_json::{Value, json};
use sqlx::{Sqlite, SqlitePool, Transaction};
use uuid::Uuid;

type Error = Box<dyn std::error::Error>;

pub(crate) struct Certificates {
    pool: SqlitePool,
    producer: FutureProducer,
}

impl Certificates {
    pub(crate) async fn new(pool: SqlitePool, bootstrap: &str) -> Result<Self, Error> {
        sqlx::query(
            "CREATE TABLE outbox_events (
                id INTEGER PRIMARY KEY, topic TEXT NOT NULL, record_key TEXT NOT NULL, value TEXT NOT NULL,
                sent INTEGER NOT NULL DEFAULT 0
            )",
        )
        .execute(&pool)
        .await?;
        Ok(Self { pool, producer: ClientConfig::new().set("bootstrap.servers", bootstrap).create()? })
    }

    pub(crate) async fn issue(&self, serial: &str, subject: &str) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        let payload = json!({
            "aggregate_type": "certificate", "aggregate_id": serial, "event_type": "certificate_issued",
            "event_version": 1, "event_data": {"subject": subject}, "business_context": {},
            "schema_version": "1.0", "schema_url": null,
        });
        let topic = "marty.certificates.certificate.certificate_issued";
        publish_event(&mut tx, topic, serial, "certificate_issued", payload).await?;
        let payload = json!({
            "event_type": "certificate.issued", "action": "issue", "resource_type": "certificate",
            "resource_id": serial, "operation_details": {}, "previous_state": null, "new_state": null,
            "security_context": {}, "success": true, "outcome": "success", "error_message": null,
            "error_code": null, "compliance_tags": ["etsi-319-411"], "risk_level": "high",
        });
        publish_event(&mut tx, "marty.audit.events", serial, "certificate.issued", payload).await?;
        sqlx::query("INSERT INTO certificates (serial, subject) VALUES (?, ?)")
            .bind(serial)
            .bind(subject)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The loop of the service's background task; answers how many events it sent.
    pub(crate) async fn publish_pending(&self) -> Result<usize, Error> {
        let rows: Vec<(i64, String, String, String)> = sqlx::query_as(
            "SELECT id, topic, record_key, value FROM outbox_events WHERE sent = 0 ORDER BY id LIMIT 100",
        )
        .fetch_all(&self.pool)
        .await?;
        for (id, topic, key, value) in &rows {
            let record = FutureRecord::to(topic).key(key).payload(value);
            self.producer.send(record, Duration::from_secs(10)).await.map_err(|(error, _)| error)?;
            sqlx::query("UPDATE outbox_events SET sent = 1 WHERE id = ?").bind(id).execute(&self.pool).await?;
        }
        Ok(rows.len())
    }
}

async fn publish_event(
    tx: &mut Transaction<'_, Sqlite>,
    topic: &str,
    key: &str,
    event_type: &str,
    payload: Value,
) -> Result<(), sqlx::Error> {
    let envelope = json!({
        "metadata": {"event_id": Uuid::now_v7(), "service_name": "certificates"},
        "event_type": event_type,
        "payload": payload,
    });
    sqlx::query("INSERT INTO outbox_events (topic, record_key, value) VALUES (?, ?, ?)")
        .bind(topic)
        .bind(key)
        .bind(envelope.to_string())
        .execute(&mut **tx)
        .await
        .map(drop)
}

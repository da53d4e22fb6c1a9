//! What a careful author writes without the framework: the same envelope, the same headers, the same row.

use serde::Serialize;
use sqlx::{Error, PgPool, Postgres, Transaction};
use uuid::Uuid;

#[derive(Serialize)]
struct Envelope<'a> {
    metadata: Metadata<'a>,
    event_type: &'a str,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    event_id: Uuid,
    timestamp: &'a str,
    service_name: &'a str,
    service_version: &'a str,
    correlation_id: Option<&'a str>,
    causation_id: Option<&'a str>,
    user_id: Option<&'a str>,
    session_id: Option<&'a str>,
    request_id: Option<&'a str>,
    trace_id: Option<&'a str>,
    span_id: Option<&'a str>,
    source_ip: Option<&'a str>,
    user_agent: Option<&'a str>,
    custom_headers: Empty,
    priority: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    aggregate_type: &'a str,
    aggregate_id: &'a str,
    event_type: &'a str,
    event_version: u32,
    event_data: Data<'a>,
    business_context: Empty,
    schema_version: &'a str,
    schema_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Empty {}

/// What the events are about.
#[derive(Serialize)]
pub(crate) struct Data<'a> {
    pub(crate) number: usize,
    pub(crate) filler: &'a str,
}

/// An event, ready for a producer or a table.
pub(crate) struct Record {
    pub(crate) id: Uuid,
    pub(crate) key: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Vec<u8>,
}

impl Record {
    pub(crate) fn new(key: usize, data: Data<'_>) -> Self {
        let (id, key, time) = (Uuid::now_v7(), key.to_string(), jiff::Timestamp::now().to_string());
        let envelope = Envelope {
            metadata: Metadata {
                event_id: id,
                timestamp: &time,
                service_name: "load",
                service_version: "0.0.0",
                correlation_id: None,
                causation_id: None,
                user_id: None,
                session_id: None,
                request_id: None,
                trace_id: None,
                span_id: None,
                source_ip: None,
                user_agent: None,
                custom_headers: Empty {},
                priority: "normal",
            },
            event_type: "moved",
            payload: Payload {
                aggregate_type: "account",
                aggregate_id: &key,
                event_type: "moved",
                event_version: 1,
                event_data: data,
                business_context: Empty {},
                schema_version: "1.0",
                schema_url: None,
            },
        };
        let payload = serde_json::to_vec(&envelope).expect("JSON");
        let headers = vec![
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", id.to_string()),
            ("ce_source", "load".to_owned()),
            ("ce_type", "moved".to_owned()),
            ("ce_time", time),
            ("ce_subject", key.clone()),
            ("content-type", "application/json".to_owned()),
        ];
        Self { id, key, headers, payload }
    }
}

/// One row, as most authors would write it: a column a parameter.
pub(crate) async fn insert(tx: &mut Transaction<'_, Postgres>, topic: &str, record: &Record) -> Result<(), Error> {
    let sql =
        "INSERT INTO event_outbox (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(sql)
        .bind(record.id)
        .bind("moved")
        .bind(topic)
        .bind(&record.key)
        .bind(&record.key)
        .bind(i64::from(crc32fast::hash(record.key.as_bytes())))
        .bind(serde_json::to_string(&record.headers).expect("JSON"))
        .bind(&record.payload)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// Many rows in one statement.
pub(crate) async fn insert_all(
    tx: &mut Transaction<'_, Postgres>,
    topic: &str,
    records: &[Record],
) -> Result<(), Error> {
    let sql = "INSERT INTO event_outbox (event_id, event_type, topic, record_key, ordering_key, key_hash, headers, payload)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[])";
    let keys: Vec<&str> = records.iter().map(|record| record.key.as_str()).collect();
    let headers = records.iter().map(|record| serde_json::to_string(&record.headers).expect("JSON"));
    sqlx::query(sql)
        .bind(records.iter().map(|record| record.id).collect::<Vec<_>>())
        .bind(vec!["moved"; records.len()])
        .bind(vec![topic; records.len()])
        .bind(&keys)
        .bind(&keys)
        .bind(keys.iter().map(|key| i64::from(crc32fast::hash(key.as_bytes()))).collect::<Vec<_>>())
        .bind(headers.collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.payload.as_slice()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// The bare parts of a relay: claims a page, deletes it, and sends nothing. Answers how many rows there were.
pub(crate) async fn claim_and_delete(pool: &PgPool, page: i64) -> Result<usize, Error> {
    let sql = "DELETE FROM event_outbox WHERE seq IN
            (SELECT seq FROM event_outbox ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING seq, event_id, event_type, topic, record_key, headers, payload";
    sqlx::query(sql).bind(page).fetch_all(pool).await.map(|rows| rows.len())
}

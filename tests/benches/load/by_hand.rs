//! The code of a careful author without the framework: the same envelope, the same headers, the same row.

use std::borrow::Cow;

use sqlx::{Error, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::envelope::{Data, Envelope};

/// An event, ready for a producer or a table.
pub(crate) struct Record {
    pub(crate) id: Uuid,
    pub(crate) key: String,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) payload: Vec<u8>,
}

impl Record {
    pub(crate) fn new(key: usize, data: Data<'_>) -> Self {
        let (id, key, time) = (Uuid::now_v7(), key.to_string(), jiff::Timestamp::now().to_string());
        let envelope = Envelope::new(id, &time, &key, data);
        let payload = serde_json::to_vec(&envelope).expect("JSON");
        let headers = [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", id.to_string()),
            ("ce_source", "load".to_owned()),
            ("ce_type", "moved".to_owned()),
            ("ce_time", time),
            ("ce_subject", key.clone()),
            ("content-type", "application/json".to_owned()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
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

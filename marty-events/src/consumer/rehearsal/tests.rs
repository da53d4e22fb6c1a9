//! Handlers of the macro, called by the testing kit: transactions by type, payloads by type, redelivery and failure.

#![expect(clippy::elidable_lifetime_names, reason = "a handler may name the lifetime of its transaction")]
#![expect(clippy::unused_async, reason = "a handler is async, whatever it does")]

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction, sqlite::SqlitePoolOptions};

use super::{RawRecord, RehearsalError, Rehearsed};
use crate::{
    AuditEvent, AuditEventType, CustomEvent, DomainEvent, EventError, GiveUp, Received, domain_event, event_handlers,
    testing::EventRecorder,
};

#[derive(Debug, serde::Serialize, serde::Deserialize, DomainEvent)]
#[event(crate = crate, service = "certificates", aggregate_type = "certificate", event_type = "revoked")]
struct Revoked {
    #[event(id)]
    serial: i64,
}

#[derive(Debug, serde::Serialize, serde::Deserialize, CustomEvent)]
#[event(crate = crate, topic = "billing.ledger", event_type = "posted")]
struct Posted {
    cents: i64,
}

#[derive(Debug)]
enum AppError {
    Other(Box<dyn std::error::Error + Send + Sync>),
    NotYet,
}

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::NotYet) { "not yet" } else { "the work failed" })
    }
}

impl std::error::Error for AppError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Other(error) => Some(&**error),
            Self::NotYet => None,
        }
    }
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<EventError> for AppError {
    fn from(error: EventError) -> Self {
        Self::Other(error.into())
    }
}

type Tx<'t> = Transaction<'t, Sqlite>;
type Events<T> = Vec<Received<T>>;

#[derive(Default)]
struct StatusList {
    calls: AtomicU32,
}

#[event_handlers(crate = crate)]
impl StatusList {
    /// Any order of the arguments, and a named lifetime.
    #[event_handler(attempts = 3, timeout = "30s")]
    pub(crate) async fn revoked<'t>(
        &self,
        event: Received<Revoked>,
        tx: &mut Transaction<'t, Sqlite>,
    ) -> Result<(), AppError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.insert(tx, event.serial).await?;
        match event.serial {
            404 => Err(AppError::Other(GiveUp::new("no such certificate").into())),
            503 if event.attempt() < 3 => Err(AppError::NotYet),
            _ => Ok(()),
        }
    }

    #[crate::event_handler(topic = "audit.events", event_type = ["user.login.failed", "user.login"])]
    async fn login(
        &self,
        tx: &mut Tx<'_>,
        event: Received<Value>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        assert_eq!(event["action"], "login");
        self.insert(tx, 1).await?;
        Ok(())
    }

    #[event_handler]
    async fn posted(&self, connection: &mut SqliteConnection, events: Events<Posted>) -> Result<(), AppError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        for event in events {
            sqlx::query("INSERT INTO entries VALUES ($1)").bind(event.cents).execute(&mut *connection).await?;
        }
        Ok(())
    }

    #[event_handler(topic = "prices", inbox = none, envelope = none)]
    async fn price(&self, event: Received<Value>) -> Result<(), String> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if event["price"].is_number() { Ok(()) } else { Err("not a price".to_owned()) }
    }

    #[domain_event(crate = crate, aggregate_type = "list", event_type = "entry_added", aggregate_id_field = "serial")]
    async fn insert(&self, tx: &mut Transaction<'_, Sqlite>, serial: i64) -> Result<(), AppError> {
        sqlx::query("INSERT INTO entries VALUES ($1)").bind(serial).execute(&mut **tx).await?;
        Ok(())
    }
}

/// A block without a transaction is for every database, and a generic one for every parameter that can be shared.
struct Counter<T>(T);

#[event_handlers(crate = crate)]
impl<T: Fn(i64)> Counter<T>
where
    T: 'static + Send + Sync,
{
    #[event_handler(inbox = none)]
    async fn revoked(&self, event: Received<Revoked>) -> Result<(), AppError> {
        (self.0)(event.serial);
        Ok(())
    }
}

/// An error that is not one, and becomes one.
struct Report(String);

impl From<Report> for Box<dyn std::error::Error + Send + Sync> {
    fn from(report: Report) -> Self {
        report.0.into()
    }
}

#[cfg(feature = "postgres")]
struct InPostgres;

#[cfg(feature = "postgres")]
#[event_handlers(crate = crate)]
impl InPostgres {
    #[event_handler]
    async fn revoked(&self, tx: &mut Transaction<'_, sqlx::Postgres>, _: Received<Revoked>) -> Result<(), Report> {
        sqlx::query("SELECT 1").execute(&mut **tx).await.map_err(|error| Report(error.to_string()))?;
        Ok(())
    }

    /// `cfg` takes a handler away with its description.
    #[cfg(any())]
    #[event_handler]
    async fn revoked_too(&self, tx: &mut Transaction<'_, sqlx::MySql>, _: Received<Revoked>) -> Result<(), Report> {
        Err(Report("never".to_owned()))
    }

    #[event_handler]
    async fn posted(&self, tx: &mut sqlx::PgConnection, _: Vec<Received<Posted>>) -> Result<(), Report> {
        sqlx::query("SELECT 1").execute(tx).await.map_err(|error| Report(error.to_string()))?;
        Ok(())
    }
}

#[cfg(feature = "mysql")]
struct InMySql;

#[cfg(feature = "mysql")]
#[event_handlers(crate = crate)]
impl InMySql {
    #[event_handler]
    async fn revoked(&self, _: Received<Revoked>, tx: &mut sqlx::MySqlConnection) -> anyhow_like::Result<()> {
        sqlx::query("SELECT 1").execute(tx).await?;
        Ok(())
    }
}

#[cfg(feature = "mysql")]
mod anyhow_like {
    pub(super) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
}

#[cfg(all(feature = "postgres", feature = "mysql"))]
#[test]
fn the_transaction_of_a_block_names_its_database() {
    fn handlers<DB: sqlx::Database, H: crate::EventHandlers<DB>>(_: &H) -> Vec<&'static str> {
        H::HANDLERS.iter().map(|handler| handler.name).collect()
    }
    assert_eq!(handlers::<sqlx::Postgres, _>(&InPostgres), ["revoked", "posted"]);
    assert_eq!(handlers::<sqlx::MySql, _>(&InMySql), ["revoked"]);
    assert_eq!(handlers::<Sqlite, _>(&StatusList::default()), ["revoked", "login", "posted", "price"]);
}

async fn pool() -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.expect("a database");
    sqlx::query("CREATE TABLE entries (serial INTEGER NOT NULL)").execute(&pool).await.expect("a table");
    pool
}

async fn entries(pool: &SqlitePool) -> Vec<i64> {
    sqlx::query_scalar("SELECT serial FROM entries ORDER BY rowid").fetch_all(pool).await.expect("entries")
}

#[tokio::test]
async fn an_event_has_its_effect_once() {
    let (recorder, list, pool) = (EventRecorder::new(), StatusList::default(), pool().await);
    let delivery = recorder.deliver(Revoked { serial: 7 }).in_pool(&pool);
    assert_eq!(delivery.to(&list).await.expect("handled"), Rehearsed::Handled);
    assert_eq!(delivery.to(&list).await.expect("dropped"), Rehearsed::Duplicate);
    assert_eq!(entries(&pool).await, [7]);
    recorder.assert_published("entry_added").key("7").times(1);
    // Another event with the same content is another event.
    assert_eq!(
        recorder.deliver(Revoked { serial: 7 }).in_pool(&pool).to(&list).await.expect("handled"),
        Rehearsed::Handled
    );
    assert_eq!(entries(&pool).await, [7, 7]);
}

#[tokio::test]
async fn a_crash_before_the_commit_leaves_nothing_and_the_redelivery_has_the_effect() {
    let (recorder, list, pool) = (EventRecorder::new(), StatusList::default(), pool().await);
    let delivery = recorder.deliver(Revoked { serial: 7 }).in_pool(&pool);
    assert_eq!(delivery.clone().without_commit().to(&list).await.expect("called"), Rehearsed::RolledBack);
    assert_eq!(entries(&pool).await, [0; 0]);
    recorder.assert_not_published("entry_added");
    assert_eq!(delivery.to(&list).await.expect("handled"), Rehearsed::Handled);
    assert_eq!(entries(&pool).await, [7]);
}

#[tokio::test]
async fn a_failure_rolls_back_and_is_tried_again() {
    let (recorder, list, pool) = (EventRecorder::new(), StatusList::default(), pool().await);
    let delivery = recorder.deliver(Revoked { serial: 503 }).in_pool(&pool);
    let error = delivery.to(&list).await.expect_err("it fails");
    assert!(!error.is_final() && error.to_string().contains("`revoked`: the handler failed: not yet"), "{error}");
    assert_eq!(entries(&pool).await, [0; 0]);
    recorder.assert_not_published("entry_added");
    assert_eq!(delivery.attempt(3).to(&list).await.expect("handled"), Rehearsed::Handled);
    let error = recorder.deliver(Revoked { serial: 404 }).in_pool(&pool).to(&list).await.expect_err("it gives up");
    assert!(error.is_final(), "{error}");
    assert_eq!(entries(&pool).await, [503]);
}

#[tokio::test]
async fn the_events_of_a_handler_are_caused_by_its_event() {
    let (recorder, list, pool) = (EventRecorder::new(), StatusList::default(), pool().await);
    let context = crate::EventContext::new().correlation_id("corr").user_id("alice");
    let delivery = context.sync_scope(|| recorder.deliver(Revoked { serial: 7 }).in_pool(&pool));
    delivery.to(&list).await.expect("handled");
    let metadata = &recorder.events()[0].metadata;
    assert_eq!((metadata.correlation_id.as_deref(), metadata.user_id.as_deref()), (Some("corr"), Some("alice")));
    assert!(metadata.causation_id.is_some(), "{metadata:?}");
}

#[tokio::test]
async fn events_are_found_by_topic_and_type() {
    let (recorder, list, pool) = (EventRecorder::new(), StatusList::default(), pool().await);
    let failed = AuditEvent::new(AuditEventType::UserLoginFailed, "login", "user");
    recorder.deliver(failed).in_pool(&pool).to(&list).await.expect("handled");
    assert_eq!(entries(&pool).await, [1]);
    let logout = AuditEvent::new(AuditEventType::UserLogout, "logout", "user");
    let error = recorder.deliver(logout).in_pool(&pool).to(&list).await.expect_err("no handler");
    assert!(
        matches!(&error, RehearsalError::NoHandler { topic, event_type, .. } if topic == "marty.audit.events" && event_type == "user.logout"),
        "{error}"
    );
    let elsewhere = DomainEvent::new("certificate", 7, "revoked").data(&json!({"serial": 7}));
    let delivery = recorder.deliver(elsewhere).in_pool(&pool);
    assert!(matches!(delivery.to(&list).await, Err(RehearsalError::NoHandler { .. })));
    delivery.published_by("certificates").to(&list).await.expect("handled");
}

#[tokio::test]
async fn a_batch_is_one_call_and_one_transaction() {
    let (recorder, list, pool) = (EventRecorder::new(), StatusList::default(), pool().await);
    let events = [1, 2, 3].map(|cents| Posted { cents });
    let delivery = recorder.deliver_all(events).in_pool(&pool);
    assert_eq!(delivery.to(&list).await.expect("handled"), Rehearsed::Handled);
    assert_eq!(delivery.to(&list).await.expect("dropped"), Rehearsed::Duplicate);
    assert_eq!((entries(&pool).await, list.calls.load(Ordering::Relaxed)), (vec![1, 2, 3], 1));
}

#[tokio::test]
async fn a_record_without_an_envelope_is_handled_without_an_inbox() {
    let (recorder, list) = (EventRecorder::new(), StatusList::default());
    let delivery = recorder.deliver(RawRecord::new("marty.prices").value(r#"{"price": 3}"#));
    assert_eq!(delivery.to(&list).await.expect("handled"), Rehearsed::Handled);
    assert_eq!(delivery.to(&list).await.expect("handled again"), Rehearsed::Handled);
    assert_eq!(list.calls.load(Ordering::Relaxed), 2);
    let error = recorder.deliver(Revoked { serial: 7 }).to(&list).await.expect_err("no pool");
    assert!(matches!(error, RehearsalError::NoPool { handler: "revoked" }), "{error}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_final() {
    let (recorder, list, pool) = (EventRecorder::new(), StatusList::default(), pool().await);
    for value in ["not JSON", "{}"] {
        let record = RawRecord::new("marty.certificates.certificate.revoked").value(value);
        let error = recorder.deliver(record).in_pool(&pool).to(&list).await.expect_err("unreadable");
        assert!(error.is_final(), "{error}");
    }
    let tombstone = RawRecord::new("marty.certificates.certificate.revoked").key("7");
    let error = recorder.deliver(tombstone).in_pool(&pool).to(&list).await.expect_err("no event");
    assert!(matches!(error, RehearsalError::NoHandler { .. }), "{error}");
}

#[tokio::test]
async fn a_generic_block_is_for_every_database() {
    let seen = std::sync::Arc::new(AtomicU32::new(0));
    let counter = Counter({
        let seen = std::sync::Arc::clone(&seen);
        move |_| {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    let delivery = EventRecorder::new().deliver(Revoked { serial: 7 }).in_pool(&pool().await);
    delivery.to(&counter).await.expect("handled");
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

//! The route of an event, decided by the types of the arguments.

use marty_events::{
    AuditEventType, EventError, OutboxConnection, OutboxTransaction, audit_event, domain_event,
    testing::{EventRecorder, Route},
};
use sqlx::{SqliteConnection, SqlitePool};

use crate::support::{Failure, Tx, transaction};

struct UnitOfWork<'c> {
    tx: Tx<'c>,
    steps: u32,
}

impl OutboxTransaction for UnitOfWork<'_> {
    fn connection(&mut self) -> OutboxConnection<'_> {
        self.tx.connection()
    }
}

macro_rules! routed {
    ($name:ident($($argument:tt)*)) => {
        #[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id")]
        async fn $name(id: &str, $($argument)*) -> Result<(), Failure> {
            let _ = id;
            Ok(())
        }
    };
}

routed!(no_handle(_pool: &SqlitePool));
routed!(full_name(_tx: &mut sqlx::Transaction<'_, sqlx::Sqlite>));
routed!(alias(_anything: &mut Tx<'_>));
routed!(connection(_c: &mut SqliteConnection));
routed!(dynamic(_tx: &mut dyn OutboxTransaction));
routed!(impl_bound(_tx: &mut impl OutboxTransaction));

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id")]
async fn generic<T: OutboxTransaction>(id: &str, tx: &mut T) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id")]
async fn where_bound<T>(id: &str, tx: &mut T) -> Result<(), Failure>
where
    T: OutboxTransaction + ?Sized,
{
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id")]
async fn any_database<DB>(id: &str, tx: &mut sqlx::Transaction<'_, DB>) -> Result<(), Failure>
where
    DB: sqlx::Database<Connection: OutboxTransaction>,
{
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id")]
async fn wrapper(id: &str, mut unit: &mut UnitOfWork<'_>) -> Result<(), Failure> {
    let _ = id;
    unit.steps += 1;
    unit = if unit.steps == 0 { return Ok(()) } else { unit };
    unit.steps += 0;
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id", transaction = first)]
async fn two_handles(id: &str, first: &mut Tx<'_>, second: &mut Tx<'_>) -> Result<(), Failure> {
    let _ = (id, first, second);
    Ok(())
}

/// Not a handle, and beside one.
struct BankTransaction;

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id")]
async fn beside_another_transaction(id: &str, payment: &BankTransaction, tx: &mut Tx<'_>) -> Result<(), Failure> {
    let _ = (id, payment, tx);
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id")]
async fn callback(id: &str, _work: impl FnOnce(&mut sqlx::Transaction<'_, sqlx::Sqlite>)) -> Result<(), Failure> {
    let _ = id;
    Ok(())
}

impl UnitOfWork<'_> {
    #[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id", transaction = self.tx)]
    async fn of_its_own(&mut self, id: &str) -> Result<(), Failure> {
        let _ = id;
        self.steps += 1;
        Ok(())
    }
}

#[domain_event(aggregate_type = "user", event_type = "stated", aggregate_id_field = "id", delivery = "direct")]
async fn stated_direct(id: &str, _tx: &mut Tx<'_>) {
    let _ = id;
}

#[domain_event(aggregate_type = "user", event_type = "routed", aggregate_id_field = "id", delivery = "outbox")]
async fn stated_outbox(id: &str, _tx: &mut Tx<'_>) -> Result<(), Failure> {
    let _ = id;
    Ok(())
}

#[tokio::test]
async fn a_handle_selects_the_outbox_whatever_it_is_called() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    let mut other = transaction().await;
    let pool = SqlitePool::connect_lazy("sqlite::memory:").unwrap();
    recorder
        .scope(async {
            no_handle("no_handle", &pool).await.unwrap();
            stated_direct("stated_direct", &mut tx).await;
            callback("callback", |_| ()).await.unwrap();
            full_name("full_name", &mut tx).await.unwrap();
            alias("alias", &mut tx).await.unwrap();
            connection("connection", &mut tx).await.unwrap();
            dynamic("dynamic", &mut tx).await.unwrap();
            impl_bound("impl_bound", &mut tx).await.unwrap();
            generic("generic", &mut tx).await.unwrap();
            where_bound::<dyn OutboxTransaction>("where_bound", &mut tx).await.unwrap();
            any_database("any_database", &mut tx).await.unwrap();
            two_handles("two_handles", &mut tx, &mut other).await.unwrap();
            stated_outbox("stated_outbox", &mut tx).await.unwrap();
            beside_another_transaction("beside", &BankTransaction, &mut tx).await.unwrap();
            let mut unit = UnitOfWork { tx, steps: 0 };
            wrapper("wrapper", &mut unit).await.unwrap();
            unit.of_its_own("of_its_own").await.unwrap();
            assert_eq!(unit.steps, 2);
        })
        .await;
    let (direct, outbox): (Vec<_>, Vec<_>) =
        recorder.events().into_iter().partition(|event| event.route == Route::Direct);
    let keys = |events: &[marty_events::testing::RecordedEvent]| -> Vec<String> {
        events.iter().map(|event| event.key.clone().unwrap()).collect()
    };
    assert_eq!(keys(&direct), ["no_handle", "stated_direct", "callback"]);
    assert_eq!(
        keys(&outbox),
        [
            "full_name",
            "alias",
            "connection",
            "dynamic",
            "impl_bound",
            "generic",
            "where_bound",
            "any_database",
            "two_handles",
            "stated_outbox",
            "beside",
            "wrapper",
            "of_its_own"
        ]
    );
}

#[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user", resource_id_field = "id")]
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
async fn stacked(id: &str, tx: &mut Tx<'_>) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "user", event_type = "kept", aggregate_id_field = "id")]
#[audit_event(event_type = AuditEventType::DataAccessed, action = "read", resource_type = "user", resource_id_field = "key",
    delivery = "direct", on_publish_error = "log")]
async fn each_its_own_route(id: &str, key: &str, tx: &mut Tx<'_>) -> Result<(), Failure> {
    let _ = (id, key, tx);
    Ok(())
}

#[tokio::test]
async fn a_direct_event_that_fails_beside_a_transaction_leaves_the_method_alone() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder.scope(each_its_own_route("1", "k", &mut tx)).await.unwrap();
    recorder.scope(each_its_own_route("2", "", &mut tx)).await.unwrap();
    recorder.assert_published("data.accessed").key("k").route(Route::Direct).times(1);
    recorder.assert_published("kept").route(Route::Outbox).times(2);
}

#[domain_event(aggregate_type = "user", event_type = "lax", aggregate_id_field = "key", on_publish_error = "log")]
#[audit_event(event_type = AuditEventType::DataAccessed, action = "read", resource_type = "user", resource_id_field = "id",
    on_publish_error = "fail")]
async fn each_its_own_policy(id: &str, key: &str) -> Result<(), Failure> {
    let _ = (id, key);
    Ok(())
}

#[tokio::test]
async fn the_method_fails_for_the_event_that_says_so_and_the_others_go_out() {
    let recorder = EventRecorder::new();
    recorder.scope(each_its_own_policy("1", "")).await.unwrap();
    recorder.assert_published("data.accessed").key("1").times(1);
    let error = recorder.scope(each_its_own_policy("", "k")).await.unwrap_err();
    assert!(matches!(error, Failure::Event(EventError::InvalidEvent { .. })), "{error:?}");
    recorder.assert_published("lax").key("k").times(1);
    assert_eq!(recorder.events().len(), 2);
}

mod renamed {
    use marty_events::domain_event as published;

    #[published(aggregate_type = "user", event_type = "outer", aggregate_id_field = "id")]
    #[marty_events::domain_event(aggregate_type = "user", event_type = "inner", aggregate_id_field = "id")]
    pub(crate) async fn both(id: &str, tx: &mut crate::support::Tx<'_>) -> Result<(), crate::support::Failure> {
        let _ = (id, tx);
        Ok(())
    }
}

#[tokio::test]
async fn stacked_attributes_each_publish_once_in_their_order() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            stacked("1", &mut tx).await.unwrap();
            renamed::both("2", &mut tx).await.unwrap();
        })
        .await;
    let mut types: Vec<_> = recorder.events().into_iter().map(|event| event.event_type).collect();
    assert_eq!(types[..2], ["data.created", "created"]);
    types[2..].sort_unstable();
    assert_eq!(types[2..], ["inner", "outer"]);
}

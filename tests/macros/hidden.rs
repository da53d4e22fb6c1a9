//! Handles that no signature shows: each call is refused before its event leaves.

use std::sync::Arc;

use marty_events::{
    OutboxConnection, OutboxTransaction, domain_event,
    testing::{EventRecorder, Route},
};
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Failure, Tx, transaction};

/// Stand-ins for sea-orm, tokio-postgres and diesel-async: types and traits of the same shapes and names.
mod other_libraries {
    pub(crate) trait ConnectionTrait: Sync {}
    pub(crate) struct DatabaseConnection;
    pub(crate) struct DatabaseTransaction;
    impl ConnectionTrait for DatabaseConnection {}
    impl ConnectionTrait for DatabaseTransaction {}

    pub(crate) trait GenericClient: Sync {}
    pub(crate) struct Client;
    pub(crate) struct Transaction<'a>(pub(crate) std::marker::PhantomData<&'a Client>);
    impl GenericClient for Client {}
    impl GenericClient for Transaction<'_> {}

    pub(crate) trait AsyncConnection: Send {}
    pub(crate) struct AsyncPgConnection;
    impl AsyncConnection for AsyncPgConnection {}
}
use other_libraries::*;

trait Repo: Send + Sync {
    type Tx: Send;
}

struct Users<R>(R);

impl<R: Repo> Users<R> {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn associated(&self, id: u8, tx: &mut R::Tx) -> Result<(), Failure> {
        let _ = (id, tx);
        Ok(())
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn qualified(&self, id: u8, tx: &mut <R as Repo>::Tx) -> Result<(), Failure> {
        let _ = (id, tx);
        Ok(())
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn in_an_option(&self, id: u8, tx: Option<&mut R::Tx>) -> Result<(), Failure> {
        let _ = (id, tx);
        Ok(())
    }
}

trait Store: Send + Sync + Sized {
    type Tx: Send;

    #[allow(async_fn_in_trait)]
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn provided(&self, id: u8, tx: &mut Self::Tx) -> Result<(), Failure> {
        let _ = (id, tx);
        Ok(())
    }

    #[allow(async_fn_in_trait)]
    async fn required(&self, id: u8, tx: &mut Self::Tx) -> Result<(), Failure>;
}

struct OfSqlx;
struct OfAnother;
struct OfTheService;
/// A handle of the service's own.
struct Unit(Tx<'static>);

impl OutboxTransaction for Unit {
    fn connection(&mut self) -> OutboxConnection<'_> {
        self.0.connection()
    }
}

impl Repo for OfSqlx {
    type Tx = Tx<'static>;
}
impl Repo for OfAnother {
    type Tx = DatabaseTransaction;
}
impl Repo for OfTheService {
    type Tx = Unit;
}

impl Store for OfSqlx {
    type Tx = Tx<'static>;

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn required(&self, id: u8, tx: &mut Self::Tx) -> Result<(), Failure> {
        let _ = (id, tx);
        Ok(())
    }
}

#[track_caller]
fn refused(answer: Result<(), Failure>) {
    let error = answer.expect_err("it is refused").to_string();
    assert!(error.contains("add the bound `marty_events::OutboxTransaction`"), "{error}");
}

#[tokio::test]
async fn an_associated_type_is_asked_when_it_is_known() {
    let recorder = EventRecorder::new();
    let (mut tx, mut own) = (transaction().await, Unit(transaction().await));
    recorder
        .scope(async {
            refused(Users(OfSqlx).associated(1, &mut tx).await);
            refused(Users(OfSqlx).qualified(2, &mut tx).await);
            refused(Users(OfSqlx).in_an_option(3, Some(&mut tx)).await);
            refused(Users(OfAnother).associated(4, &mut DatabaseTransaction).await);
            refused(Users(OfTheService).associated(5, &mut own).await);
            refused(OfSqlx.provided(6, &mut tx).await);
            // In an `impl` of a type, the compiler knows the associated type.
            OfSqlx.required(7, &mut tx).await.unwrap();
        })
        .await;
    recorder.assert_published("e").key("7").route(Route::Outbox);
    assert_eq!(recorder.events().len(), 1);
}

trait Writes: Send {}
impl Writes for Tx<'_> {}
impl Writes for String {}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn bound_of_its_own<T: Writes>(id: u8, tx: &mut T) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn without_a_name(id: u8, mut tx: &mut impl Writes) -> Result<(), Failure> {
    let _ = (id, &mut tx);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn of_sea_orm<C: ConnectionTrait>(id: u8, db: &C) -> Result<(), Failure> {
    let _ = (id, db);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn of_tokio_postgres(id: u8, client: &impl GenericClient) -> Result<(), Failure> {
    let _ = (id, client);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn of_diesel(id: u8, connection: &mut impl AsyncConnection) -> Result<(), Failure> {
    let _ = (id, connection);
    Ok(())
}

#[tokio::test]
async fn a_generic_with_other_bounds_is_asked_when_it_is_known() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            refused(bound_of_its_own(1, &mut tx).await);
            refused(without_a_name(2, &mut tx).await);
            refused(of_sea_orm(3, &DatabaseTransaction).await);
            refused(of_tokio_postgres(4, &Transaction(std::marker::PhantomData)).await);
            refused(of_diesel(5, &mut AsyncPgConnection).await);
            bound_of_its_own(6, &mut String::new()).await.unwrap();
            without_a_name(7, &mut String::new()).await.unwrap();
            of_sea_orm(8, &DatabaseConnection).await.unwrap();
            of_tokio_postgres(9, &Client).await.unwrap();
        })
        .await;
    let routes: Vec<_> = recorder.events().into_iter().map(|event| (event.key.unwrap(), event.route)).collect();
    assert_eq!(routes, ["6", "7", "8", "9"].map(|key| (key.to_owned(), Route::Direct)));
}

type Maybe<'a, 'c> = Option<&'a mut Tx<'c>>;
type Shared = Arc<Mutex<Tx<'static>>>;
type Guard<'a> = MutexGuard<'a, Tx<'static>>;
type Both<'a, 'c> = (u8, &'a mut Tx<'c>);
type Plain<'a> = Option<&'a mut SqliteConnection>;
type Taken<'a> = &'a mut DatabaseTransaction;

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn maybe(id: u8, tx: Maybe<'_, '_>) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn shared(id: u8, tx: &Shared) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn guard(id: u8, tx: &mut Guard<'_>) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn taken_apart((id, tx): Both<'_, '_>) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn plain_connection(id: u8, connection: Plain<'_>) -> Result<(), Failure> {
    let _ = (id, connection);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn of_another_library(id: u8, tx: Taken<'_>) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

impl Users<Mutex<sqlx::Transaction<'static, Sqlite>>> {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn in_the_receiver(&self, id: u8) -> Result<(), Failure> {
        let _ = id;
        Ok(())
    }
}

#[tokio::test]
async fn an_alias_hides_nothing() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            refused(maybe(1, Some(&mut tx)).await);
            refused(maybe(1, None).await);
            refused(plain_connection(2, Some(&mut *tx)).await);
            refused(taken_apart((3, &mut tx)).await);
            refused(of_another_library(4, &mut DatabaseTransaction).await);
            let mutex = Arc::new(Mutex::new(tx));
            refused(shared(5, &mutex).await);
            refused(guard(6, &mut mutex.lock().await).await);
            refused(Users(Mutex::new(transaction().await)).in_the_receiver(7).await);
        })
        .await;
    assert!(recorder.events().is_empty(), "{:?}", recorder.events());
}

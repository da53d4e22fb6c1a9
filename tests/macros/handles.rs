//! Handles that are named, lent, or found by their types at run time only.

use marty_events::{
    OutboxConnection, OutboxTransaction, domain_event,
    testing::{EventRecorder, Route},
};
use sqlx::Sqlite;

use crate::support::{Failure, Tx, is_send, transaction};

struct Unit<'c> {
    id: u8,
    tx: Tx<'c>,
}

impl OutboxTransaction for Unit<'_> {
    fn connection(&mut self) -> OutboxConnection<'_> {
        self.tx.connection()
    }
}

impl Unit<'_> {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "self.id", transaction = self)]
    async fn named_itself(&mut self, text: String) -> Result<String, Failure> {
        let this = &mut *self;
        this.id += 1;
        Ok(text)
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "self.id", delivery = "direct")]
    async fn direct(&mut self) {
        self.id += 1;
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "self.id")]
    async fn shared(&self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let _ = tx;
        Ok(())
    }
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", transaction = tx)]
async fn named_and_changed<'c>(id: u8, mut tx: &mut Tx<'c>, other: &mut Tx<'c>) -> Result<(), Failure> {
    let _ = (id, &mut tx);
    tx = other;
    let _ = tx;
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id", data(id, seen = (result, left.len())))]
async fn needed_later(id: u8, left: &mut Vec<u8>, tx: &mut Tx<'_>) -> Result<usize, Failure> {
    let _ = tx;
    left.push(id);
    Ok(left.len())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn conditional(
    id: u8,
    #[cfg(not(test))] tx: &mut sqlx::PgConnection,
    #[cfg(test)] tx: &mut Tx<'_>,
    #[cfg(not(test))] _owned: String,
) -> Result<(), Failure> {
    let _ = (id, tx);
    Ok(())
}

#[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
async fn returns_a_borrow_of_another<'a>(id: u8, key: &'a mut String, tx: &mut Tx<'_>) -> Result<&'a mut str, Failure> {
    let _ = (id, tx);
    Ok(key.as_mut_str())
}

#[tokio::test]
async fn a_handle_is_the_outbox_however_it_is_found() {
    let recorder = EventRecorder::new();
    let (mut tx, mut other) = (transaction().await, transaction().await);
    let mut unit = Unit { id: 1, tx: transaction().await };
    recorder
        .scope(async {
            assert_eq!(is_send(unit.named_itself("t".to_owned())).await.unwrap(), "t");
            unit.direct().await;
            unit.shared(&mut tx).await.unwrap();
            is_send(named_and_changed(4, &mut tx, &mut other)).await.unwrap();
            assert_eq!(is_send(needed_later(5, &mut vec![0], &mut tx)).await.unwrap(), 2);
            conditional(6, &mut tx).await.unwrap();
            assert_eq!(returns_a_borrow_of_another(7, &mut "k".to_owned(), &mut tx).await.unwrap(), "k");
        })
        .await;
    let routes: Vec<_> = recorder.events().into_iter().map(|event| (event.key.unwrap(), event.route)).collect();
    let expected = [
        ("1", Route::Outbox),
        ("2", Route::Direct),
        ("3", Route::Outbox),
        ("4", Route::Outbox),
        ("5", Route::Outbox),
        ("6", Route::Outbox),
        ("7", Route::Outbox),
    ];
    assert_eq!(routes, expected.map(|(key, route)| (key.to_owned(), route)));
    recorder.assert_published("e").key("5").payload("/event_data/seen", vec![2, 2]);
}

/// The type parameter has no bound where the attribute stands.
struct Generic<C>(std::marker::PhantomData<C>);

impl<C> Generic<C> {
    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn create(&self, id: u8, tx: &mut C) -> Result<(), Failure> {
        let _ = (id, tx);
        Ok(())
    }

    #[domain_event(aggregate_type = "a", event_type = "e", aggregate_id_field = "id")]
    async fn cannot_say_so(&self, id: u8, tx: &mut C) -> u8 {
        let _ = tx;
        id
    }
}

#[tokio::test]
async fn a_handle_that_only_its_type_at_run_time_shows_is_refused() {
    let recorder = EventRecorder::new();
    let mut tx = transaction().await;
    recorder
        .scope(async {
            Generic(std::marker::PhantomData).create(1, &mut String::new()).await.unwrap();
            let error = Generic::<sqlx::Transaction<'_, Sqlite>>(std::marker::PhantomData).create(2, &mut tx).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("add the bound `marty_events::OutboxTransaction`"), "{error}");
            let unsaid =
                Generic::<sqlx::Transaction<'_, Sqlite>>(std::marker::PhantomData).cannot_say_so(3, &mut tx).await;
            assert_eq!(unsaid, 3);
        })
        .await;
    recorder.assert_published("e").key("1").times(1);
    assert_eq!(recorder.events().len(), 1);
}

use marty_events::*;

mod bank {
    pub struct Transaction;
}

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id", delivery = "outbox")]
async fn create(id: u64, transaction: &mut bank::Transaction) -> Result<(), EventError> { Ok(()) }

fn main() {}

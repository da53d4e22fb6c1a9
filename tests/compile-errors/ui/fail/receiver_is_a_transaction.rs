use marty_events::*;

pub struct Unit<'c> { tx: sqlx::Transaction<'c, sqlx::Postgres> }
impl OutboxTransaction for Unit<'_> {
    fn connection(&mut self) -> OutboxConnection<'_> { self.tx.connection() }
}
impl Unit<'_> {
    #[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
    pub async fn create(&mut self, user_id: u64) -> Result<(), EventError> { Ok(()) }
}

fn main() {}

use marty_events::*;

struct Service {
    name: String,
}

impl Service {
    #[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", transaction = self.name)]
    async fn create(&mut self, user_id: u64) -> Result<(), EventError> {
        let _ = user_id;
        Ok(())
    }
}

fn main() {}

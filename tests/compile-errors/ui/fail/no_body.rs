use marty_events::*;

trait Service {
    #[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
    async fn create(&self, user_id: u64);
}

fn main() {}

use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id", data(user.email, r#type: 1, type))]
async fn create(id: u64, user: User) {}

pub struct User { email: String }

fn main() {}

use marty_events::*;

pub struct Plan;
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id", data(plan))]
async fn create(user_id: u64, plan: Plan) {}

fn main() {}

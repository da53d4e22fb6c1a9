use marty_events::*;

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
fn create(user_id: u64) -> std::pin::Pin<Box<dyn std::future::Future<Output = ()> + Send>> {
    let future = async move { drop(user_id) };
    Box::pin(future)
}

fn main() {}

use marty_events::*;

fn is_send(_: impl Send) {}
#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "user_id")]
async fn create(user_id: u64) {
    let rc = std::rc::Rc::new(user_id);
    std::future::ready(()).await;
    drop(rc);
}
pub fn check() { is_send(create(1)) }

fn main() {}

use marty_events::*;

pub struct Order;

impl Order {
    fn id(&self) -> u64 { 7 }
    fn parent(&self) -> Option<u64> { None }
}

#[domain_event(aggregate_type = "order", event_type = "e1", aggregate_id_field = "order.idd()")]
async fn misspelt(order: Order) { let _ = order.id(); }

#[domain_event(aggregate_type = "order", event_type = "e2", aggregate_id_field = "order.parent()")]
async fn option(order: Order) { let _ = order.parent(); }

#[domain_event(aggregate_type = "order", event_type = "e3", aggregate_id_field = "order.id(1)")]
async fn arguments(order: Order) { let _ = order; }

fn main() {}

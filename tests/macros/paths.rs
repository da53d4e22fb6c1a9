//! Paths behind methods, into fields with a keyword for a name, and in texts.

use marty_events::{
    AuditEventType, NotificationEventType, audit_event, domain_event, notification_event, testing::EventRecorder,
};

/// A request as gRPC libraries have one: its content is behind a method.
struct Envelope<T>(T);

impl<T> Envelope<T> {
    fn get_ref(&self) -> &T {
        &self.0
    }

    fn into_inner(self) -> T {
        self.0
    }
}

#[derive(Clone)]
struct Order {
    id: u64,
    r#type: String,
    total: f64,
}

impl Order {
    fn id(&self) -> u64 {
        self.id
    }

    fn r#type(&self) -> &str {
        &self.r#type
    }
}

struct Shop {
    name: String,
}

#[domain_event(aggregate_type = "order", event_type = "by_method", aggregate_id_field = "order.id()")]
async fn by_method(order: Order) {
    crate::support::consume(order);
}

#[domain_event(aggregate_type = "order", event_type = "behind_methods", aggregate_id_field = "request.get_ref().id()")]
async fn behind_methods(request: Envelope<Order>) -> u64 {
    request.into_inner().id
}

#[domain_event(aggregate_type = "order", event_type = "by_result", aggregate_id_field = "result.get_ref().id")]
async fn by_result(order: Order) -> Envelope<Order> {
    Envelope(order)
}

#[domain_event(aggregate_type = "order", event_type = "by_keyword", aggregate_id_field = "order.type")]
async fn by_keyword(order: Order) {
    crate::support::consume(order);
}

#[domain_event(aggregate_type = "order", event_type = "by_keywords_method", aggregate_id_field = "order.type()")]
async fn by_keywords_method(order: Order) {
    crate::support::consume(order);
}

#[domain_event(aggregate_type = "order", event_type = "by_keyword_argument", aggregate_id_field = "type")]
async fn by_keyword_argument(r#type: String) {
    crate::support::consume(r#type);
}

impl Shop {
    #[notification_event(
        event_type = NotificationEventType::UserWelcome,
        recipient_type = "user",
        recipient_id_field = "request.get_ref().id()",
        subject = "Order {request.get_ref().id():05} of {self.name}: {{{request.get_ref().total:.2}}}",
        message = "{result.type} {result.id()} {note} {type} {note:?}"
    )]
    async fn order(&self, request: Envelope<Order>, note: &str, r#type: u8) -> Order {
        let _ = (note, r#type, &self.name);
        request.into_inner()
    }

    #[audit_event(
        event_type = AuditEventType::DataUpdated,
        action = "change {order.type}",
        resource_type = "order",
        resource_id_field = "self.name.len()",
        new_state = (&*r#type, &self.name)
    )]
    async fn change(&self, order: Order, r#type: String) -> usize {
        r#type.len() + order.r#type.len()
    }
}

#[tokio::test]
async fn paths_go_through_methods_and_keywords() {
    let recorder = EventRecorder::new();
    let order = || Order { id: 7, r#type: "food".to_owned(), total: 1.5 };
    let shop = Shop { name: "shop".to_owned() };
    recorder
        .scope(async {
            by_method(order()).await;
            assert_eq!(behind_methods(Envelope(order())).await, 7);
            by_result(order()).await;
            by_keyword(order()).await;
            by_keywords_method(order()).await;
            by_keyword_argument("k".to_owned()).await;
            shop.order(Envelope(order()), "now", 3).await;
            assert_eq!(shop.change(order(), "drink".to_owned()).await, 9);
        })
        .await;
    for (event, key) in [
        ("by_method", "7"),
        ("behind_methods", "7"),
        ("by_result", "7"),
        ("by_keyword", "food"),
        ("by_keywords_method", "food"),
        ("by_keyword_argument", "k"),
    ] {
        recorder.assert_published(event).key(key).times(1);
    }
    let published = recorder.events();
    let payload = |event: &str| &published.iter().find(|published| published.event_type == event).expect(event).payload;
    let notification = payload("user.welcome");
    assert_eq!(notification["subject"], "Order 00007 of shop: {1.50}");
    assert_eq!(notification["message"], "food 7 now 3 \"now\"");
    assert_eq!(notification["recipient_ids"][0], "7");
    let audit = payload("data.updated");
    assert_eq!(audit["action"], "change food");
    assert_eq!(audit["resource_id"], "4");
    assert_eq!(audit["new_state"], serde_json::json!(["drink", "shop"]));
}

//! Typed events that a service reads by hand, and the file of their producer.

use marty_events::{
    CustomEvent, DomainEvent,
    catalogue::{Catalogue, Handled, Published, Verdict, catalogue, compare, unreadable},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize, DomainEvent)]
#[event(service = "Orders", aggregate_type = "Order", event_type = "shipped")]
struct ShippedV1 {
    #[event(id)]
    order: u64,
}

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(service = "Orders", aggregate_type = "Order", event_type = "shipped", event_version = 3, from = ShippedV1)]
struct Shipped {
    #[event(id)]
    order: u64,
    carrier: Option<String>,
    #[serde(default)]
    parcels: Vec<Parcel>,
    country: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Parcel {
    weight: Option<u32>,
    size: u32,
}

impl From<ShippedV1> for Shipped {
    fn from(old: ShippedV1) -> Self {
        Self { order: old.order, carrier: None, parcels: Vec::new(), country: String::new() }
    }
}

#[derive(Serialize, Deserialize, JsonSchema, CustomEvent)]
#[event(topic = "orders.stock")]
#[serde(untagged)]
enum Stock {
    #[event(event_type = "stock_taken")]
    Taken { article: String, count: u32 },
    #[event(event_type = "stock_empty")]
    Empty { article: String },
}

marty_events::handles!("shipping", Shipped, Stock);

fn handled(event_type: &str) -> Handled {
    let catalogue = catalogue().expect("descriptions");
    catalogue.handles.into_iter().find(|event| event.event_type == event_type).expect("it is named by `handles!`")
}

fn required(schema: &Value) -> &Value {
    &schema["required"]
}

#[test]
fn events_that_are_read_by_hand_are_handled() {
    let shipped = handled("shipped");
    assert_eq!((shipped.group.as_deref(), shipped.topic.as_str()), (Some("shipping"), "orders.order.shipped"));
    assert_eq!(shipped.versions, [1, 3]);
    assert_eq!(required(&shipped.schema.expect("a schema")), &json!(["order", "country"]));
    let (taken, empty) = (handled("stock_taken"), handled("stock_empty"));
    assert_eq!((taken.topic.as_str(), taken.versions.len()), ("orders.stock", 0));
    assert_eq!(required(&taken.schema.expect("a schema")), &json!(["article", "count"]));
    assert_eq!(required(&empty.schema.expect("a schema")), &json!(["article"]));
}

#[test]
fn a_producer_is_read_in_every_version_and_no_other() {
    let reader = Catalogue::new("shipping").handling(handled("shipped"));
    let kinds = |version: u32, schema: Value| -> Vec<&'static str> {
        let event = Published::new("domain", "{service}.order.shipped", "shipped").version(version).schema(schema);
        unreadable(&reader, &Catalogue::new("orders").publishing(event)).iter().map(|change| change.kind).collect()
    };
    let newest = handled("shipped").schema.expect("a schema");
    assert!(kinds(3, newest.clone()).is_empty());
    assert!(kinds(1, json!({"type": "object", "properties": {"order": {"type": "integer"}}})).is_empty(), "by `from`");
    assert_eq!(kinds(2, newest.clone()), ["version not read"]);
    assert_eq!(kinds(4, newest.clone()), ["version not read"]);
    let mut renamed = newest;
    renamed["properties"]["land"] = renamed["properties"]["country"].take();
    renamed["properties"].as_object_mut().expect("fields").remove("country");
    renamed["required"] = json!(["order", "land"]);
    assert_eq!(kinds(3, renamed), ["required field added"]);
}

/// A field that a reader does without is not required, although this version always writes it. So it can be added and taken away.
#[test]
fn a_field_with_a_default_may_be_added() {
    let published = catalogue().expect("descriptions").publishes;
    let shipped = published.into_iter().find(|event| event.event_type == "shipped").expect("the event");
    let schema = shipped.schema.clone().expect("a schema");
    assert_eq!(required(&schema), &json!(["order", "country"]));
    assert_eq!(required(&schema["$defs"]["Parcel"]), &json!(["size"]));

    let mut before = schema;
    for field in ["carrier", "parcels"] {
        before["properties"].as_object_mut().expect("fields").remove(field);
    }
    let of = |schema: Value| Catalogue::new("orders").publishing(shipped.clone().schema(schema));
    let (before, now) = (of(before), of(shipped.schema.clone().expect("a schema")));
    for (old, new) in [(&before, &now), (&now, &before)] {
        let changes = compare(old, new);
        assert!(
            changes.iter().all(|change| change.old_readers.max(change.new_readers) == Verdict::Reads),
            "{changes:?}"
        );
    }
}

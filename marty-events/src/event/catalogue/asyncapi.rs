//! The catalogue as an `AsyncAPI` 3.0 document.

use serde_json::{Map, Value, json};

use super::model::{Catalogue, Published};

impl Catalogue {
    /// An `AsyncAPI` 3.0 document as JSON: a channel for each topic, a message for each type, an operation for each side.
    ///
    /// Topics have no prefix, as in the catalogue. A message's payload is the envelope, whose data has the event's schema.
    #[must_use]
    pub fn to_asyncapi(&self) -> String {
        let mut channels: Map<String, Value> = Map::new();
        let mut operations: Map<String, Value> = Map::new();
        for event in &self.publishes {
            let topic = self.topic_of(event);
            let message = self.message(event);
            add(&mut channels, &mut operations, "send", &topic, &event.event_type, message);
        }
        for event in &self.handles {
            let message = json!({ "name": event.event_type, "payload": { "type": "object" } });
            add(&mut channels, &mut operations, "receive", &event.topic, &event.event_type, message);
        }
        let document = json!({
            "asyncapi": "3.0.0",
            "info": { "title": format!("Events of {}", self.service), "version": "1.0.0" },
            "defaultContentType": "application/json",
            "channels": channels,
            "operations": operations,
        });
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    fn message(&self, event: &Published) -> Value {
        let place = match event.kind.as_str() {
            "audit" => "operation_details",
            "notification" => "template_variables",
            _ => "event_data",
        };
        let mut data = event.schema.clone().unwrap_or_else(|| json!({}));
        // References of the schema point to its own root, which is elsewhere in this document.
        let (channel, key) = (name(&self.topic_of(event)), name(&event.event_type));
        let mut root = format!("#/channels/{channel}/messages/{key}/payload/properties/payload");
        if event.kind != "custom" {
            root.push_str("/properties/");
            root.push_str(place);
        }
        rebase(&mut data, &root);
        let payload =
            if event.kind == "custom" { data } else { json!({ "type": "object", "properties": { place: data } }) };
        let mut message = json!({
            "name": event.event_type,
            "contentType": "application/json",
            "payload": {
                "type": "object",
                "required": ["metadata", "event_type", "payload"],
                "properties": {
                    "metadata": { "type": "object" },
                    "event_type": { "type": "string" },
                    "payload": payload,
                },
            },
        });
        if let Some(text) = &event.documentation {
            message["description"] = json!(text);
        }
        message
    }
}

fn add(
    channels: &mut Map<String, Value>,
    operations: &mut Map<String, Value>,
    action: &str,
    topic: &str,
    event_type: &str,
    message: Value,
) {
    let (channel, key) = (name(topic), name(event_type));
    let entry = channels.entry(channel.clone()).or_insert_with(|| json!({ "address": topic, "messages": {} }));
    if let Some(messages) = entry["messages"].as_object_mut() {
        // A published event says more than a handled one.
        messages.entry(key.clone()).or_insert(message);
    }
    let operation = operations.entry(format!("{action}_{channel}")).or_insert_with(
        || json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "messages": [] }),
    );
    let reference = json!({ "$ref": format!("#/channels/{channel}/messages/{key}") });
    if let Some(list) = operation["messages"].as_array_mut()
        && !list.contains(&reference)
    {
        list.push(reference);
    }
}

/// A key of the document: letters, digits and `._-`, as the specification has it.
fn name(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-') { letter } else { '_' })
        .collect()
}

fn rebase(schema: &mut Value, root: &str) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(target) if name == "$ref" && target.starts_with('#') => {
                        *target = format!("{root}{}", &target[1..]);
                    }
                    other => rebase(other, root),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rebase(item, root)),
        _ => {}
    }
}

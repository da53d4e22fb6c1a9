//! The golden records of the wire format, read by the CloudEvents project's own implementation.

use std::{fs, path::Path};

use cloudevents::{
    AttributesReader, Data, Event,
    event::SpecVersion,
    message::{BinaryDeserializer, BinarySerializer, MessageAttributeValue, MessageDeserializer, Result},
};

/// A record as a Kafka consumer holds it.
struct Record {
    key: Option<String>,
    headers: Vec<(String, String)>,
    value: String,
}

impl Record {
    fn read(text: &str) -> Self {
        let line = |name: &'static str| text.lines().filter_map(move |line| line.strip_prefix(name));
        let split = |header: &str| header.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            key: line("key: ").next().filter(|key| *key != "(none)").map(str::to_owned),
            headers: line("header: ").filter_map(split).collect(),
            value: line("value: ").next().expect("a value").to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// CloudEvents, Kafka Protocol Binding 1.0, section 3.2: attributes in `ce_` headers, `datacontenttype` in `content-type`.
impl BinaryDeserializer for &Record {
    fn deserialize_binary<R, V: BinarySerializer<R>>(self, mut visitor: V) -> Result<R> {
        let version = SpecVersion::try_from(self.header("ce_specversion").expect("a version"))?;
        visitor = visitor.set_spec_version(version.clone())?;
        for name in version.attribute_names().iter().filter(|name| **name != "specversion") {
            if let Some(value) = self.header(&format!("ce_{name}")) {
                visitor = visitor.set_attribute(name, MessageAttributeValue::String(value.to_owned()))?;
            }
        }
        for (header, value) in &self.headers {
            match header.strip_prefix("ce_") {
                Some(name) if name != "specversion" && !version.attribute_names().contains(&name) => {
                    visitor = visitor.set_extension(name, MessageAttributeValue::String(value.clone()))?;
                }
                _ => {}
            }
        }
        let content_type = self.header("content-type").expect("a content type").to_owned();
        visitor = visitor.set_attribute("datacontenttype", MessageAttributeValue::String(content_type))?;
        visitor.end_with_data(self.value.clone().into_bytes())
    }
}

impl cloudevents::message::StructuredDeserializer for &Record {
    fn deserialize_structured<R, V: cloudevents::message::StructuredSerializer<R>>(self, _: V) -> Result<R> {
        Err(cloudevents::message::Error::WrongEncoding {})
    }
}

impl MessageDeserializer for &Record {
    fn encoding(&self) -> cloudevents::message::Encoding {
        cloudevents::message::Encoding::BINARY
    }
}

#[test]
fn an_independent_reader_understands_every_golden_record() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../marty-events/src/event/golden");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "golden") {
            continue;
        }
        let record = Record::read(&fs::read_to_string(&path).unwrap());
        let event: Event = MessageDeserializer::into_event(&record).unwrap();
        let value: serde_json::Value = serde_json::from_str(&record.value).unwrap();
        assert_eq!(event.id(), value["metadata"]["event_id"], "{}", path.display());
        assert_eq!(event.ty(), value["event_type"]);
        assert_eq!(event.source().as_str(), value["metadata"]["service_name"]);
        assert_eq!(event.subject(), record.key.as_deref());
        assert_eq!(event.datacontenttype(), Some("application/json"));
        assert_eq!(event.time().unwrap().timestamp_micros(), 1_767_323_045_006_789);
        let schema = record.header("ce_dataschema");
        assert_eq!(event.dataschema().map(ToString::to_string), schema.map(str::to_owned));
        assert!(schema.is_none() || value["payload"]["schema_url"] == schema.unwrap_or_default());
        assert_eq!(event.iter_extensions().count(), 0);
        let data = match event.data().unwrap() {
            Data::Json(data) => data.clone(),
            Data::Binary(bytes) => serde_json::from_slice(bytes).unwrap(),
            Data::String(text) => serde_json::from_str(text).unwrap(),
        };
        assert_eq!(data, value);
        read += 1;
    }
    assert_eq!(
        read, 11,
        "a full and a minimal record of each kind, one with the URL of its schema, and two typed ones"
    );
}

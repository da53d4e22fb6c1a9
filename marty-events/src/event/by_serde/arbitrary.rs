//! Arbitrary texts, data and contexts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    EventContext, EventMetadata, EventPriority,
    event::{
        source::{Service, Source},
        texts,
        topic::TopicPattern,
    },
};

/// A value of data, of every type that serde knows.
#[derive(Serialize)]
pub(super) enum Datum {
    Nothing,
    Text(String),
    Letter(char),
    Bytes(Vec<u8>),
    Signed(i128),
    Unsigned(u64),
    Float(f64),
    Single(f32),
    Pair(bool, Option<i8>),
    List(Vec<Datum>),
    Fields { name: String, inner: BTreeMap<String, Datum> },
    Raw(Box<RawValue>),
    Value(serde_json::Value),
    Empty(Empty),
    Wrapped(Wrapped),
    Twin(Twin),
    Plain(Plain),
    Numbered(BTreeMap<i64, Option<Wrapped>>),
    Flagged(BTreeMap<bool, char>),
    Lettered(BTreeMap<char, Option<()>>),
    Chosen(BTreeMap<Choice, Twin>),
    Time(Timestamp),
}

#[derive(Serialize)]
pub(super) struct Empty;

#[derive(Serialize)]
pub(super) struct Wrapped(String);

#[derive(Serialize)]
pub(super) struct Twin(u8, String);

#[derive(Serialize)]
pub(super) struct Plain {
    first: String,
    #[serde(rename = "se\"cond")]
    second: Option<Twin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    third: Option<f32>,
    #[serde(flatten)]
    rest: BTreeMap<String, u16>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Choice {
    TheFirst,
    TheOther,
}

/// A generator whose values follow from its seed (splitmix64), so that a failure comes again.
pub(super) struct Arbitrary(pub(super) u64);

impl Arbitrary {
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    pub(super) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).expect("an index")]
    }

    pub(super) fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| value(self))
    }

    pub(super) fn letter(&mut self) -> char {
        let code = match self.below(8) {
            0 => self.below(0x20),
            1 => u64::from(u32::from(self.one_of(&['"', '\\', '/', '\u{7f}', '\u{2028}', '\u{fffe}', '\u{1f680}']))),
            2 => self.below(0x11_0000),
            _ => 0x20 + self.below(0x5f),
        };
        u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{10ffff}')
    }

    pub(super) fn text(&mut self) -> String {
        let length = self.below(40);
        (0..length).map(|_| self.letter()).collect()
    }

    pub(super) fn texts(&mut self) -> Vec<String> {
        let length = self.below(4);
        (0..length).map(|_| self.text()).collect()
    }

    /// A text that an id or a type may have: not empty, and only visible characters.
    pub(super) fn word(&mut self) -> String {
        let rest =
            self.text().chars().filter(|letter| texts::forbidden(&letter.to_string()).is_none()).collect::<String>();
        format!("w{rest}")
    }

    /// A part of a topic.
    pub(super) fn part(&mut self) -> String {
        let length = 1 + self.below(20);
        (0..length).map(|_| self.one_of(&['a', 'Z', '7', '.', '_', '-'])).chain(['x']).collect()
    }

    pub(super) fn datum(&mut self, depth: u64) -> Datum {
        match self.below(if 3 < depth { 20 } else { 24 }) {
            0 => Datum::Nothing,
            1 => Datum::Text(self.text()),
            2 => Datum::Letter(self.letter()),
            3 => Datum::Bytes(self.text().into_bytes()),
            4 => Datum::Signed(self.one_of(&[i128::MIN, i128::MAX, -1, 0])),
            5 => Datum::Unsigned(self.number()),
            6 => Datum::Float(self.one_of(&[f64::NAN, f64::INFINITY, -0.0, f64::MAX, f64::MIN_POSITIVE, 0.1, 1e21])),
            7 => Datum::Single(self.one_of(&[f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::EPSILON, 0.1])),
            8 => Datum::Pair(self.below(2) == 0, self.maybe(|arbitrary| arbitrary.one_of(&[i8::MIN, 7]))),
            9 => {
                let text = serde_json::to_string(&self.text()).expect("JSON");
                Datum::Raw(RawValue::from_string(format!("[ {text} ]")).expect("JSON"))
            }
            10 => Datum::Value(serde_json::json!({ self.text(): [self.text(), self.number(), null, 0.5], "a": {} })),
            11 => Datum::Empty(Empty),
            12 => Datum::Wrapped(Wrapped(self.text())),
            13 => Datum::Twin(self.twin()),
            14 => Datum::Plain(Plain {
                first: self.text(),
                second: self.maybe(Self::twin),
                third: self.maybe(|arbitrary| arbitrary.one_of(&[0.5, f32::NAN])),
                rest: (0..self.below(3)).map(|number| (self.text(), u16::try_from(number).expect("small"))).collect(),
            }),
            15 => Datum::Numbered([(i64::MIN, self.maybe(|any| Wrapped(any.text()))), (7, None)].into()),
            16 => Datum::Flagged([(true, self.letter()), (false, self.letter())].into()),
            17 => Datum::Lettered([(self.letter(), Some(())), (self.letter(), None)].into()),
            18 => Datum::Chosen([(Choice::TheFirst, self.twin()), (Choice::TheOther, self.twin())].into()),
            19 => Datum::Time(Timestamp::from_microsecond(1_767_323_045_006_789).expect("a time")),
            20 | 21 => {
                let length = self.below(4);
                Datum::List((0..length).map(|_| self.datum(depth + 1)).collect())
            }
            _ => {
                let length = self.below(4);
                let inner = (0..length).map(|_| (self.text(), self.datum(depth + 1))).collect();
                Datum::Fields { name: self.text(), inner }
            }
        }
    }

    fn twin(&mut self) -> Twin {
        Twin(u8::try_from(self.below(256)).expect("a byte"), self.text())
    }

    /// A context, and the metadata that tells of it.
    pub(super) fn circumstances(&mut self, source: &Source, priority: EventPriority) -> (EventContext, EventMetadata) {
        let micros = i64::try_from(self.below(4_000_000_000_000_000)).expect("a time") - 1_000_000_000_000_000;
        let mut metadata = EventMetadata {
            event_id: Uuid::from_u64_pair(self.number(), self.number()),
            timestamp: Timestamp::from_microsecond(micros).expect("a time"),
            service_name: source.service.name.clone(),
            service_version: source.service.version.clone(),
            correlation_id: self.maybe(Self::text),
            causation_id: self.maybe(Self::text),
            user_id: self.maybe(Self::text),
            session_id: self.maybe(Self::text),
            trace_id: None,
            span_id: None,
            request_id: self.maybe(Self::text),
            priority,
            source_ip: self.maybe(Self::text),
            user_agent: self.maybe(Self::text),
            custom_headers: (0..self.below(3)).map(|_| (self.text(), self.text())).collect(),
        };
        let mut context = EventContext::new();
        context = metadata.correlation_id.iter().fold(context, EventContext::correlation_id);
        context = metadata.causation_id.iter().fold(context, EventContext::causation_id);
        context = metadata.user_id.iter().fold(context, EventContext::user_id);
        context = metadata.session_id.iter().fold(context, EventContext::session_id);
        context = metadata.request_id.iter().fold(context, EventContext::request_id);
        context = metadata.source_ip.iter().fold(context, EventContext::source_ip);
        context = metadata.user_agent.iter().fold(context, EventContext::user_agent);
        for (name, value) in &metadata.custom_headers {
            context = context.custom_header(name, value);
        }
        if self.below(2) == 0 {
            let (trace, span) = (format!("{:032x}", 1 | self.number()), format!("{:016x}", 1 | self.number()));
            context = context.trace(format!("00-{trace}-{span}-01"), None);
            (metadata.trace_id, metadata.span_id) = (Some(trace), Some(span));
        }
        (context, metadata)
    }

    pub(super) fn source(&mut self) -> Source {
        let (name, version) = (self.part(), self.text());
        let service = Service::new(name, version);
        Source {
            service,
            topic_prefix: "marty".to_owned(),
            domain_topic: TopicPattern::default(),
            schema_base_url: None,
            takes_any_service: false,
            tracing: true,
        }
    }
}

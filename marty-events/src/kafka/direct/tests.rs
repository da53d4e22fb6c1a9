//! The direct producer beside librdkafka's mock broker.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use uuid::Uuid;

use super::{DirectProducer, Passenger, Reach};
use crate::{
    CustomEvent, EventContext, EventError,
    event::{
        envelope::Message,
        source::{Service, Source},
    },
    kafka::mock::{APART, Broker, TOPIC},
};

struct Told {
    message: Arc<Message>,
    answers: mpsc::Sender<(String, Result<(), EventError>)>,
}

impl Passenger for Told {
    fn message(&self) -> &Arc<Message> {
        &self.message
    }

    fn answered(self: Box<Self>, answer: Result<(), EventError>) {
        let key = self.message.key().expect("a key").to_owned();
        self.answers.send((key, answer)).expect("the test waits");
    }
}

fn message(key: &str) -> Arc<Message> {
    let source = Source {
        service: Service::new("test", "1"),
        takes_any_service: false,
        topic_prefix: "test".to_owned(),
        domain_topic: crate::event::topic::TopicPattern::default(),
        schema_base_url: None,
        tracing: false,
    };
    let event = CustomEvent::new(TOPIC, "moved").key(key);
    let message = source.message_at(event.into(), Uuid::nil(), Timestamp::UNIX_EPOCH, EventContext::new());
    let mut message = message.expect("a message");
    TOPIC.clone_into(&mut message.topic);
    Arc::new(message)
}

/// librdkafka reports both events as delivered.
#[test]
fn an_event_that_was_not_acknowledged_itself_is_sent_once_more() {
    let broker = Broker::start();
    let config = broker.config();
    let reach = Reach::of(&config).expect("a watch");
    let producer = DirectProducer::new(&config, reach).expect("a producer");
    let (answers, answered) = mpsc::channel();
    let send = |key| producer.send(Box::new(Told { message: message(key), answers: answers.clone() }));
    let next = || answered.recv_timeout(Duration::from_mins(1)).expect("an answer");
    send("1");
    next().1.expect("the client has its connection and its id");

    broker.refuse_one_batch();
    send("2");
    thread::sleep(APART);
    send("3");
    let answers = [next(), next()];
    let taken = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(key, _)| key.clone());
    assert!(broker.missing(taken).is_empty(), "{answers:?}");
}

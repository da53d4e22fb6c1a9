//! Direct events, pipelined: as many as fit are in flight at a time.

use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

use crate::{
    Failure,
    by_hand::Record,
    order, rate,
    report::Sample,
    stage::{KEYS, Stage},
};

/// The number of events that wait for their acknowledgement at a time.
const UNDER_WAY: usize = 1_000;

const CASES: [&str; 3] = ["raw producer", "made and sent by hand", "publish"];

pub(crate) async fn round(turn: usize, events: usize) -> Result<Vec<Sample>, Failure> {
    let mut rates = [0.0; CASES.len()];
    for place in order(CASES.len(), turn) {
        let stage = Stage::new().await?;
        rates[place] = match place {
            0 => raw(&stage, events).await?,
            1 => by_hand(&stage, events).await?,
            _ => publish(&stage, events).await?,
        };
        stage.end().await;
    }
    Ok(CASES.iter().zip(rates).map(|(case, rate)| Sample::new(*case, rate)).collect())
}

/// With the settings and the bytes of the framework's, which are made before the clock runs.
async fn raw(stage: &Stage, events: usize) -> Result<f64, Failure> {
    let producer = producer(stage)?;
    let record = Record::new(1, stage.data(1));
    let keys: Vec<String> = (0..KEYS).map(|key| key.to_string()).collect();
    send(&producer, &stage.topic, &keys[0], &record).await?;
    let begin = Instant::now();
    stream::iter(0..events)
        .map(|number| send(&producer, &stage.topic, &keys[number % KEYS], &record))
        .buffer_unordered(UNDER_WAY)
        .try_collect::<()>()
        .await?;
    Ok(rate(events, begin.elapsed()))
}

/// Each event is made as it is sent, as a service does.
async fn by_hand(stage: &Stage, events: usize) -> Result<f64, Failure> {
    let producer = producer(stage)?;
    let one = async |number: usize| {
        let record = Record::new(number % KEYS, stage.data(number));
        send(&producer, &stage.topic, &record.key, &record).await
    };
    one(0).await?;
    let begin = Instant::now();
    stream::iter(0..events).map(one).buffer_unordered(UNDER_WAY).try_collect::<()>().await?;
    Ok(rate(events, begin.elapsed()))
}

async fn publish(stage: &Stage, events: usize) -> Result<f64, Failure> {
    stage.publisher.publish(stage.event(0)).await?;
    let begin = Instant::now();
    stream::iter(0..events)
        .map(|number| stage.publisher.publish(stage.event(number)))
        .buffer_unordered(UNDER_WAY)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(rate(events, begin.elapsed()))
}

/// The settings of the direct route.
pub(crate) fn producer(stage: &Stage) -> Result<FutureProducer, Failure> {
    let producer = ClientConfig::new()
        .set("bootstrap.servers", &stage.brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .set("message.timeout.ms", "10000")
        .create()?;
    Ok(producer)
}

pub(crate) async fn send(producer: &FutureProducer, topic: &str, key: &str, record: &Record) -> Result<(), Failure> {
    let headers = record
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (name, value)| headers.insert(Header { key: name, value: Some(value) }));
    let sent = FutureRecord::to(topic).key(key).payload(&record.payload).headers(headers);
    let delivery = producer.send_result(sent).map_err(|(error, _)| error)?;
    delivery.await?.map_err(|(error, _)| error)?;
    Ok(())
}

//! One trace, from a request over HTTP through the outbox and the relay to the headers that a consumer reads; the spans are
//! those that OpenTelemetry exports.

use std::{collections::HashMap, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn},
    response::Response,
    routing::{get, post},
};
use marty_events::{
    AuditEventType, CancellationToken, EventConfig, EventContext, OutboxRelay, OutboxRepository, audit_event,
    domain_event,
};
use marty_events_tests::{
    database::TestDatabase,
    failure::Failure,
    kafka::{Reader, Record, prefix},
    servers, topics, wait,
};
use opentelemetry::{
    SpanId, TraceId,
    propagation::TextMapPropagator,
    trace::{SpanKind, Status, TracerProvider},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use sqlx::{PgPool, Postgres, Transaction};
use tower_service::Service;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

/// The caller's span, by the example of the recommendation "Trace Context".
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

#[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id", data(text))]
async fn create(tx: &mut Transaction<'_, Postgres>, id: &str, text: &str) -> Result<(), Failure> {
    sqlx::query("SELECT 1").execute(&mut **tx).await?;
    Ok(())
}

#[audit_event(
    event_type = AuditEventType::DataAccessed,
    action = "read",
    resource_type = "user",
    resource_id_field = "id",
    on_publish_error = "fail"
)]
async fn read(id: &str) -> Result<(), Failure> {
    Ok(())
}

fn app(pool: PgPool) -> Router {
    let create = async |State(pool): State<PgPool>, Path((id, size)): Path<(String, usize)>| {
        let mut tx = pool.begin().await.expect("a transaction");
        create(&mut tx, &id, &"x".repeat(size)).await.expect("it is created");
        tx.commit().await.expect("the commit");
        StatusCode::CREATED
    };
    let read = async |Path(id): Path<String>| read(&id).await.map_or(StatusCode::BAD_GATEWAY, |()| StatusCode::OK);
    Router::new()
        .route("/users/{id}/{size}", post(create))
        .route("/users/{id}", get(read))
        .layer(from_fn(traced))
        .with_state(pool)
}

/// The span of a request, in the caller's trace.
async fn traced(request: Request, next: Next) -> Response {
    let span = tracing::info_span!("serve", otel.name = %request.uri().path(), otel.kind = "server");
    let text = |name: &str| Some((name.to_owned(), request.headers().get(name)?.to_str().ok()?.to_owned()));
    let headers: HashMap<_, _> = ["traceparent", "tracestate"].into_iter().filter_map(text).collect();
    span.set_parent(TraceContextPropagator::new().extract(&headers)).expect("it has not begun");
    next.run(request).instrument(span).await
}

async fn ask(app: &mut Router, method: &str, path: &str, sampled: bool) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("traceparent", format!("00-{TRACE}-{CALLER}-0{}", u8::from(sampled)))
        .header("tracestate", "vendor=1")
        .body(Body::empty())
        .expect("a request");
    app.call(request).await.expect("an answer").status()
}

/// Exports every span of this process from now on.
fn export() -> InMemorySpanExporter {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("traces"));
    let filter = EnvFilter::new("off,traces=info,marty_events::spans=debug");
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    tracing::subscriber::set_global_default(subscriber).expect("the first of this process");
    exporter
}

fn spans(exporter: &InMemorySpanExporter, name: &str) -> Vec<SpanData> {
    let spans = exporter.get_finished_spans().expect("the spans");
    spans.into_iter().filter(|span| span.name == name).collect()
}

async fn span(exporter: &InMemorySpanExporter, name: &str) -> SpanData {
    wait::until(name, || async { spans(exporter, name).pop() }).await
}

fn attribute<'a>(span: &'a SpanData, name: &str) -> Option<std::borrow::Cow<'a, str>> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|attribute| attribute.value.as_str())
}

/// Asserts that a span of sending an event has the names and attributes of the conventions, and points at the span in which
/// the event was recorded.
fn assert_sends(span: &SpanData, topic: &str, (id, key): (&str, &str), recorded_in: &SpanData) {
    assert_eq!((span.name.as_ref(), &span.span_kind), (format!("send {topic}").as_str(), &SpanKind::Client));
    for (name, value) in [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", topic),
        ("messaging.message.id", id),
        ("messaging.kafka.message.key", key),
    ] {
        assert_eq!(attribute(span, name).as_deref(), Some(value), "{name}");
    }
    let links: Vec<_> = span.links.iter().map(|link| &link.span_context).collect();
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0].trace_id(), recorded_in.span_context.trace_id());
    assert_eq!(links[0].span_id(), recorded_in.span_context.span_id());
    assert_eq!(links[0].trace_state().header(), "vendor=1");
}

/// Asserts that a record carries the span in which its event was recorded.
fn assert_carries(record: &Record, recorded_in: &SpanData) {
    let id = recorded_in.span_context.span_id().to_string();
    assert_eq!(record.header("traceparent"), Some(format!("00-{TRACE}-{id}-01").as_str()));
    assert_eq!(record.header("tracestate"), Some("vendor=1"));
    let metadata = &record.value["metadata"];
    assert_eq!((metadata["trace_id"].as_str(), metadata["span_id"].as_str()), (Some(TRACE), Some(id.as_str())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_request_through_outbox_and_relay_to_the_consumer() {
    let test = "a_trace_goes_from_the_request_through_outbox_and_relay_to_the_consumer";
    let Some(brokers) = servers::kafka(test) else { return };
    let Some(database) = TestDatabase::create(test).await else { return };
    let (exporter, prefix) = (export(), prefix());
    let (created, accessed) = (format!("{prefix}.traces.user.created"), format!("{prefix}.audit.events"));
    topics::create(&brokers, &created, 20_000).await;
    let config = EventConfig::builder().service_name("traces").brokers(&brokers).topic_prefix(&prefix).build().unwrap();
    let events = marty_events::init_with(config.clone()).await.unwrap();
    let outbox = OutboxRepository::new(&database.pool);
    let mut app = app(database.pool.clone());

    // By the outbox: the row has the span of the request.
    assert_eq!(ask(&mut app, "POST", "/users/user-1/1", true).await, StatusCode::CREATED);
    let request = span(&exporter, "/users/user-1/1").await;
    assert_eq!(request.span_context.trace_id(), TraceId::from_hex(TRACE).unwrap());
    assert_eq!(request.parent_span_id, SpanId::from_hex(CALLER).unwrap());
    let row = outbox.pending(1).await.unwrap().pop().unwrap();
    let traceparent = format!("00-{TRACE}-{}-01", request.span_context.span_id());
    assert!(row.headers.contains(&("traceparent".to_owned(), traceparent)), "{:?}", row.headers);

    // One whose trace nobody records, and one that is told its trace.
    assert_eq!(ask(&mut app, "POST", "/users/user-3/2", false).await, StatusCode::CREATED);
    let told = format!("00-{TRACE}-{CALLER}-00");
    let span_of_its_own = tracing::info_span!("untold");
    let explicit = EventContext::new().trace(&told, None).scope(async {
        let mut tx = database.pool.begin().await.unwrap();
        create(&mut tx, "user-4", "x").await.unwrap();
        tx.commit().await.unwrap();
    });
    explicit.instrument(span_of_its_own).await;
    assert!(exporter.get_finished_spans().unwrap().iter().all(|span| !span.name.starts_with("send ")));

    let stop = CancellationToken::new();
    let relay = OutboxRelay::builder(&database.pool).config(config).max_attempts(1);
    let relay = tokio::spawn(relay.lease_time(Duration::from_secs(1)).build().unwrap().run(stop.clone()));
    // Directly.
    assert_eq!(ask(&mut app, "GET", "/users/user-5", true).await, StatusCode::OK);
    let records = Reader::start(&brokers, &prefix).events(4).await;
    // The broker refuses this one, by itself: its whole batch would be refused with it.
    assert_eq!(ask(&mut app, "POST", "/users/user-2/50000", true).await, StatusCode::CREATED);
    wait::until("an empty outbox", || async { (outbox.stats().await.ok()?.pending == 0).then_some(()) }).await;
    stop.cancel();
    relay.await.unwrap().unwrap();
    events.shutdown().await.unwrap();

    let record = |key: &str| records.iter().find(|record| record.key.as_deref() == Some(key)).unwrap();
    let sends = spans(&exporter, &format!("send {created}"));
    let send =
        |key: &str| sends.iter().find(|span| attribute(span, "messaging.kafka.message.key").as_deref() == Some(key));
    let delivered = send("user-1").unwrap();
    assert_sends(delivered, &created, (&row.event_id.to_string(), "user-1"), &request);
    assert_eq!(delivered.parent_span_id, SpanId::INVALID, "the relay's trace is its own");
    assert_ne!(delivered.span_context.trace_id(), request.span_context.trace_id());
    assert_eq!(delivered.status, Status::Unset);
    assert_carries(record("user-1"), &request);

    let dead = outbox.dead_letters(1).await.unwrap().pop().unwrap().event;
    let (refused, request) = (send("user-2").unwrap(), span(&exporter, "/users/user-2/50000").await);
    assert_sends(refused, &created, (&dead.event_id.to_string(), "user-2"), &request);
    assert_eq!(attribute(refused, "error.type").as_deref(), Some("MessageSizeTooLarge"));
    assert!(matches!(refused.status, Status::Error { .. }), "{:?}", refused.status);

    assert!(send("user-3").is_none() && send("user-4").is_none(), "nobody records their traces");
    let unsampled = record("user-3").header("traceparent").unwrap();
    assert!(unsampled.starts_with(&format!("00-{TRACE}-")) && unsampled.ends_with("-00"), "{unsampled}");
    assert_eq!(record("user-4").header("traceparent"), Some(told.as_str()), "what is told goes before what is seen");

    let request = span(&exporter, "/users/user-5").await;
    let direct = span(&exporter, &format!("send {accessed}")).await;
    let record = record("user-5");
    assert_sends(&direct, &accessed, (record.id().unwrap(), "user-5"), &request);
    assert_eq!(direct.parent_span_id, request.span_context.span_id());
    assert_carries(record, &request);
}

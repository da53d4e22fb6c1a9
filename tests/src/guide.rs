//! The code blocks of the documentation, compiled and run as its readers would. There is nothing here otherwise.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(#[doc = include_str!(concat!("../../", $path))] mod $name {})*
    };
}

pages! {
    readme: "README.md",
    architecture: "docs/architecture.md",
    axum: "docs/guide/axum.md",
    configuration: "docs/guide/configuration.md",
    consumers: "docs/guide/consumers.md",
    databases: "docs/databases.md",
    events: "docs/guide/events.md",
    handling: "docs/guide/handling.md",
    opentelemetry: "docs/guide/opentelemetry.md",
    operations: "docs/guide/operations.md",
    outbox: "docs/guide/outbox.md",
    relay: "docs/guide/relay.md",
    testing: "docs/guide/testing.md",
    topics: "docs/guide/topics.md",
    typed_events: "docs/guide/typed-events.md",
    troubleshooting: "docs/guide/troubleshooting.md",
    by_hand: "docs/migration/by-hand.md",
    python: "docs/migration/python.md",
}

//! Parts that tests of several files share: services, events, proxies and other programs.

pub(crate) mod calling_service;
pub(crate) mod events;
pub(crate) mod handling;
pub(crate) mod kafka_connect;
pub(crate) mod operator;
pub(crate) mod pgbouncer;
pub(crate) mod records;
pub(crate) mod service;

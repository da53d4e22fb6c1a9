//! What the behaviour suites share: a database and topics of its own for every test, and an independent reader of Kafka.

pub mod acls;
pub mod browser;
pub mod certificates;
pub mod connect;
pub mod counters;
pub mod database;
#[cfg(doctest)]
mod guide;
pub mod http;
pub mod kafka;
pub mod logs;
pub mod mariadb;
pub mod own;
pub mod pooler;
pub mod ports;
pub mod printed;
pub mod process;
pub mod proxy;
pub mod secured;
pub mod servers;
pub mod topics;
pub mod wait;
pub mod wire;

//! What the behaviour suites share: a database and topics of its own for every test, and an independent reader of Kafka.

pub mod browser;
pub mod counters;
pub mod database;
pub mod kafka;
pub mod mariadb;
pub mod own;
pub mod process;
pub mod proxy;
pub mod servers;
pub mod topics;
pub mod wait;
pub mod wire;

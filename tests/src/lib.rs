//! Parts that several test targets share: servers, databases and topics of a test's own, and an independent reader of Kafka.

pub mod acls;
pub mod certificates;
pub mod counters;
pub mod counting_proxy;
pub mod database;
pub mod effects;
pub mod failure;
pub mod faulty_network;
#[cfg(doctest)]
mod guide;
pub mod http;
pub mod kafka;
pub mod logs;
pub mod mariadb;
pub mod ports;
pub mod printed;
pub mod private_kafka;
pub mod private_servers;
pub mod process;
pub mod schemas;
pub mod secured_kafka;
pub mod servers;
mod signals;
pub mod topics;
pub mod wait;

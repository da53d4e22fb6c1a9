//! Security: proof of identity, rights, and secrets that stay secret.

mod privileges;
mod secrets;
mod secured_kafka;
mod secured_postgres;

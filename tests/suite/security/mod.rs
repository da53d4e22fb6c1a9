//! What does each participant have to prove, what may it do, and what stays secret?

mod privileges;
mod secrets;
mod secured_kafka;
mod secured_postgres;

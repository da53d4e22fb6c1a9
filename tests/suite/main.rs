//! Behaviour of the outbox, the relay and both roads on a real PostgreSQL and a real Apache Kafka.

mod caller;
mod chaos;
mod command_line;
mod contract;
mod dead_letters;
mod delivery;
mod direct;
mod failure_records;
mod faults;
mod kill;
mod lanes;
mod mariadb;
mod ordering;
mod outage;
mod outbox;
mod policies;
mod privileges;
mod round_trips;
mod secrets;
mod secured_kafka;
mod secured_postgres;
mod setup;
mod upkeep;

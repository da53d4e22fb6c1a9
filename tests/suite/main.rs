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
mod late;
mod mariadb;
mod memory;
mod observed;
mod ordering;
mod outage;
mod outbox;
mod policies;
mod round_trips;
mod setup;
mod upheaval;
mod upkeep;

//! Promises under faults: a service, relay, broker, database or network fails in each test.

mod abandoned_calls;
mod broker_outage;
mod chaos;
mod database_refusals;
mod direct_in_outage;
mod handling;
mod handling_chaos;
mod handling_ends;
mod handling_poison;
mod hot_key;
mod hot_key_by_chance;
mod hot_key_in_outages;
mod killed_service;
mod lost_connections;
mod set_back;

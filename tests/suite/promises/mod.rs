//! Promises to a service: delivery, order, atomicity and cost.

mod announcements;
mod commit_order;
mod dead_letters;
mod delivery;
mod direct;
mod event_size;
mod failure_records;
mod handling;
mod handling_everywhere;
mod handling_round_trips;
mod handling_start;
mod lanes;
mod late_commits;
mod outbox;
mod partitions;
mod publish_errors;
mod request_context;
mod round_trips;
mod schema_urls;

//! Behaviour of the outbox, the relay and direct publishing on real servers. Each folder answers one question.

mod dialects;
mod faults;
mod operations;
mod promises;
mod security;
mod support;
